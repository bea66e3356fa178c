"""Where folds run is not seen in the Scores: in this process, in several, or on a Ray cluster that loses a worker."""

from __future__ import annotations

import functools
import io
import os

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console
from support.fold_stub import refuse_fold, score_fold, score_fold_after_a_death, small_config, small_data

from keras_cwp.errors import ConfigError, RunError, ScoresError, SplitError
from keras_cwp.evaluation.comparison import align
from keras_cwp.training import admit as admitting
from keras_cwp.training import crossval
from keras_cwp.training.crossval import cross_validate, given_parts
from keras_cwp.training.fit import _given
from keras_cwp.training.fold import FoldJob
from keras_cwp.training.fold_progress import FoldProgress, fold_epochs
from keras_cwp.training.parallel import in_processes
from keras_cwp.training.ray_cluster import fold_on_node, unpack
from keras_cwp.training.sweep import sweep


@pytest.fixture(autouse=True)
def no_network_is_built(monkeypatch):
    monkeypatch.setattr(crossval, "check_buildable", lambda *_: None)
    monkeypatch.setattr(admitting, "refuse_leaks", lambda _: None)  # small_data has no pixels


def stub_folds(jobs, done):
    for job in jobs:
        score_fold(job)
        done(job)


def validate(folder, run_folds=stub_folds, split=None, seed=0, said=None, **options):
    config = small_config(**options).model_copy(update={"seed": seed})
    console = Console(file=said or io.StringIO(), width=200)
    return cross_validate(small_data(folder.parent / "data"), config, folder, console, split, run_folds)


def files(run):
    return [(run.path / name).read_bytes() for name in ("scores.csv", "validation_scores.csv", "split.csv")]


def made_by(run):
    return [[int(line) for line in (run.path / f"fold_{k}" / "made_by.txt").read_text().split()] for k in (1, 2, 3)]


def test_every_roi_is_scored_once_and_folds_stand_in_order(tmp_path):
    run = validate(tmp_path / "run")
    assert sorted(run.scores.roi_id) == sorted(row.roi_key for row in small_data(tmp_path).manifest)
    assert (np.diff(run.scores.fold) >= 0).all()


def test_finished_folds_are_not_run_again(tmp_path):
    def one_then_killed(jobs, done):
        stub_folds(jobs[:1], done)
        raise KeyboardInterrupt

    whole = validate(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        validate(tmp_path / "broken", one_then_killed)
    broken = validate(tmp_path / "broken")
    assert files(broken) == files(whole)
    assert [len(pids) for pids in made_by(broken)] == [1, 1, 1]


def test_a_given_split_gives_two_models_the_same_folds(tmp_path):
    first, other = validate(tmp_path / "a"), validate(tmp_path / "b", seed=1)
    with pytest.raises(ScoresError, match="give both the same --split"):
        align({"a": first.scores, "b": other.scores})
    same = validate(tmp_path / "c", split=first.path / "split.csv", seed=1)
    align({"a": first.scores, "c": same.scores})
    assert files(same)[2] == files(first)[2]
    assert (same.info["split_given"], first.info["split_given"]) == (True, False)


def test_an_unfinished_run_with_another_split_is_not_continued(tmp_path):
    other = validate(tmp_path / "other", seed=1)

    def killed(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        validate(tmp_path / "run", killed)
    with pytest.raises(RunError, match="unfinished run with another split"):
        validate(tmp_path / "run", split=other.path / "split.csv")


def test_a_given_split_serves_nested_choice_with_its_validation_for_training(tmp_path):
    first = validate(tmp_path / "a")
    data, path = small_data(tmp_path / "data"), first.path / "split.csv"
    plain, nested = given_parts(path, data, small_config()), given_parts(path, data, small_config(inner=2))
    for fold, parts in plain.items():
        np.testing.assert_array_equal(np.where(parts == "validation", "train", parts), nested[fold])
    nested_run = validate(tmp_path / "n", inner=2)
    with pytest.raises(SplitError, match="fold 1: no ROI is for validation; give --inner"):
        given_parts(nested_run.path / "split.csv", data, small_config())


def test_fit_and_cv_do_not_take_each_others_splits(tmp_path):
    run = validate(tmp_path / "run")
    data, path = small_data(tmp_path / "data"), run.path / "split.csv"
    with pytest.raises(SplitError, match=r"has the folds \[1, 2, 3\] of cv; fit wants"):
        _given(path, data)
    header, *rows = path.read_text().splitlines()
    one = tmp_path / "one.csv"
    one.write_text("\n".join([header, *(row.replace(",1,", ",0,") for row in rows if ",1," in row)]) + "\n")
    assert (_given(one, data) == given_parts(path, data, small_config())[1]).all()
    with pytest.raises(SplitError, match=r"has the folds \[0\]; cv wants"):
        given_parts(one, data, small_config())


def sweep_of(folder, learning_rate=0.1, seeds=2, said=None):
    configs = {"a": small_config(), "b": small_config()}
    train = configs["b"].train.model_copy(update={"learning_rate": learning_rate})
    configs["b"] = configs["b"].model_copy(update={"train": train})
    console = Console(file=said or io.StringIO(), width=200)
    return sweep(small_data(folder / "data"), configs, seeds, folder / "runs", console, run_folds=stub_folds)


def test_configurations_and_seeds_are_compared_on_the_folds_of_the_first(tmp_path):
    said = io.StringIO()
    runs = sweep_of(tmp_path, said=said)
    assert [run.path.name for run in runs] == ["a_seed_0", "a_seed_1", "b_seed_0", "b_seed_1"]
    align({run.path.name: run.scores for run in runs})
    assert (runs[0].scores.probabilities != runs[1].scores.probabilities).any()
    assert [run.info["split_given"] for run in runs] == [False, True, True, True]
    lines = said.getvalue().splitlines()
    assert len(lines) == 12
    assert lines[-1].startswith("b_seed_1 fold 3/3  done")
    sweep_of(tmp_path)
    assert all(len(pids) == 1 for run in runs for pids in made_by(run))  # all were kept
    with pytest.raises(RunError, match="b_seed_0 holds a completed run of another configuration"):
        sweep_of(tmp_path, learning_rate=0.2)


def test_configurations_with_other_threads_are_not_compared(tmp_path):
    one = small_config()
    other = one.model_copy(update={"train": one.train.model_copy(update={"threads": 1})})
    with pytest.raises(ConfigError, match=r"train.threads is .*; give all of them the same"):
        sweep(small_data(tmp_path), {"a": one, "b": other}, 1, tmp_path, Console(quiet=True))


def test_a_line_a_fold_where_there_is_no_terminal(tmp_path):
    said = io.StringIO()
    validate(tmp_path / "run", said=said)
    warning, *lines = said.getvalue().splitlines()
    assert warning.startswith("warning: train.ema_momentum 0.995 averages")
    assert [line.split("  ")[0] for line in lines] == ["fold 1/3", "fold 2/3", "fold 3/3"]
    assert "8 ROIs of 4 patients scored, macro AUC 0." in lines[0]


def test_a_terminal_sees_folds_and_epochs(tmp_path):
    config = small_config()
    jobs = [FoldJob(tmp_path, "h", config, tmp_path, fold, np.array(["test"])) for fold in (1, 2)]
    history = tmp_path / "fold_1" / "history.csv"
    history.parent.mkdir()
    history.write_text("epoch,loss\n1,0.5\n2,0.4\n")
    said = io.StringIO()
    with FoldProgress(Console(file=said, force_terminal=True, width=120), jobs):
        pass
    assert "0/2 folds" in said.getvalue()
    assert f"2/{2 * config.train.epochs}" in said.getvalue()
    assert fold_epochs(small_config(inner=4)) == 5 * config.train.epochs


def test_a_node_without_the_run_folder_sends_its_files(tmp_path):
    run = validate(tmp_path / "run")
    data = small_data(tmp_path / "data")
    parts = given_parts(run.path / "split.csv", data, small_config())[2]
    job = FoldJob(data.path, "h", small_config(), tmp_path / "elsewhere", 2, parts)
    running = tf.config.threading.get_intra_op_parallelism_threads()  # of this process; it cannot be changed any more
    sent = fold_on_node(job, "run.json of the driver", running, score_fold)
    assert not (tmp_path / "elsewhere").exists()
    unpack(job, sent)
    assert (job.folder / "scores.csv").read_bytes() == (run.path / "fold_2" / "scores.csv").read_bytes()
    with pytest.raises(RunError, match="leads out of"):
        unpack(job, {"../../evil.txt": b""})


@pytest.mark.slow
def test_processes_give_the_scores_of_one(tmp_path):
    serial = validate(tmp_path / "serial")
    parallel = validate(tmp_path / "parallel", functools.partial(in_processes, processes=2, work=score_fold))
    assert files(parallel) == files(serial)
    assert os.getpid() not in np.concatenate(made_by(parallel))


@pytest.mark.slow
def test_a_killed_process_and_a_refused_fold_are_one_error(tmp_path):
    dying = functools.partial(in_processes, processes=1, work=score_fold_after_a_death)
    with pytest.raises(RunError, match="a process that trained a fold was killed"):
        validate(tmp_path / "run", dying)
    assert files(validate(tmp_path / "run")) == files(validate(tmp_path / "whole"))
    with pytest.raises(RunError, match=r"^fold \d: the loss is nan$"):
        validate(tmp_path / "refused", functools.partial(in_processes, processes=1, work=refuse_fold))
