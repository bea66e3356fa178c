"""Blocks of regions scored on a Ray cluster and kept in files, so that an interrupted scoring goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_cwp.cluster import on_actors
from keras_cwp.data.annotations.roi import Roi
from keras_cwp.errors import DataError
from keras_cwp.prediction.blocks import Outcome, score_block
from keras_cwp.prediction.kept_blocks import KeptBlocks, model_digest
from keras_cwp.prediction.open_model import open_predictor
from keras_cwp.prediction.predictor import Predictor
from keras_cwp.runtime import cores, keep_freed_memory, leave_out_optional_imports, use_cores

Refuse = Callable[[DataError, int], None]
Score = Callable[[list[Roi]], Outcome]


@dataclass(frozen=True)
class OnCluster:
    """Scores blocks on a cluster, as a `predict.RunBlocks`. Nodes need model and radiographs at the same paths.

    A node's processor and engine decide the last digits; on nodes like this machine they are those of a local run.

    Args:
        model, fold: see `open_predictor`.
        address: of the cluster; see `cluster.connected`.
        keep: folder for the blocks that are done; the caller removes it once the table is written.
        gpus: use one actor a GPU where the cluster has any, else one a core.
        begin: called on each actor with model, fold, views and threads; what it returns scores a block.
    """

    model: Path
    fold: int | None
    address: str
    keep: Path
    gpus: bool = True
    begin: Callable[[Path, int | None, int | None, int], Score] | None = None

    def __call__(
        self,
        predictor: Predictor,
        blocks: Sequence[list[Roi]],
        views: int | None,
        refuse: Refuse,
        progress: Callable[[int, int], None],
    ) -> Iterator[tuple[int, Outcome]]:
        """Each block's number and outcome; those that an earlier run left come first.

        Raises:
            CwpError: see `cluster.on_actors`; the blocks so far are kept.
        """
        done, total = 0, sum(map(len, blocks))
        kept = KeptBlocks(self.keep, (model_digest(self.model, self.fold), views or predictor.contract.views))
        for number, outcome in self._outcomes(kept, blocks, views):
            for error, count in outcome.left_out:
                refuse(DataError(error), count)
            done += len(blocks[number])
            progress(done, total)
            yield number, outcome

    def _outcomes(
        self, kept: KeptBlocks, blocks: Sequence[list[Roi]], views: int | None
    ) -> Iterator[tuple[int, Outcome]]:
        names = [kept.name_of(block) for block in blocks]
        left = []
        for number, name in enumerate(names):
            if (outcome := kept.read(name)) is not None:
                yield number, outcome
            else:
                left.append(number)
        tasks = [blocks[number] for number in left]
        arguments = (self.model.resolve(), self.fold, views, cores())
        for place, outcome in on_actors(tasks, self.begin or begin_scoring, arguments, self.address, gpus=self.gpus):
            kept.write(names[left[place]], outcome)
            yield left[place], outcome


def begin_scoring(model: Path, fold: int | None, views: int | None, threads: int) -> Score:
    """Open a model on an actor that has a core.

    Args:
        threads: that TensorFlow divides operations among; their number decides the last digits of a sum. ONNX
            Runtime's sums do not depend on it, so there the actor takes the one core that it has.
    """
    leave_out_optional_imports()
    keep_freed_memory()
    use_cores(1, threads)
    predictor = open_predictor(model, fold)
    return lambda block: score_block(predictor, block, views)
