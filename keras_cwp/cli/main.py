"""The group of commands. A command's module is imported only when it is called, so that --help stays quick."""

from __future__ import annotations

import codecs
import difflib
import importlib
import io
import os
import sys
import warnings
from typing import Any

import click

from keras_cwp.errors import CwpError
from keras_cwp.runtime import leave_out_optional_imports
from keras_cwp.version import VERSION

# name: (module, one line for --help). In the order of the work.
COMMANDS = {
    "demo": ("keras_cwp.cli.demo", "Run the whole flow on phantoms that it draws itself."),
    "prepare": (
        "keras_cwp.cli.prepare",
        "Read radiographs and a ROI table, check them, crop, write a data set.",
    ),
    "audit": ("keras_cwp.cli.audit", "Look in a data set for what would spoil a result."),
    "fit": ("keras_cwp.cli.fit", "Train on one patient-grouped split."),
    "cv": ("keras_cwp.cli.cv", "Train by patient-grouped cross-validation."),
    "search": ("keras_cwp.cli.search", "Search configurations in inner folds, judge them by outer ones."),
    "refit": ("keras_cwp.cli.refit", "Train one network on all patients of a cross-validation."),
    "evaluate": ("keras_cwp.cli.evaluate", "ROC evaluation and report of a run."),
    "compare": ("keras_cwp.cli.compare", "Compare runs on the same folds, with paired tests."),
    "plan": ("keras_cwp.cli.plan", "Estimate what more patients would bring."),
    "predict": ("keras_cwp.cli.predict", "Score images, folders or a ROI table."),
    "explain": ("keras_cwp.cli.explain", "Draw heat maps of where the network looked."),
    "read": ("keras_cwp.cli.read", "Read films in the browser, with a model beside."),
    "export": ("keras_cwp.cli.export", "Write a SavedModel bundle for TensorFlow Serving."),
    "serve": ("keras_cwp.cli.serve", "Serve bundles with TensorFlow Serving's own API."),
    "summary": ("keras_cwp.cli.summary", "Parameters, MACs and latency of the architectures."),
    "weights": ("keras_cwp.cli.weights", "Import PyTorch checkpoints."),
    "pretrain": ("keras_cwp.cli.pretrain", "Make weights from radiographs without marked regions."),
    "config": ("keras_cwp.cli.config", "List the packaged settings and explain every key."),
    "augment-preview": ("keras_cwp.cli.augment_preview", "Draw a contact sheet of an augmentation policy."),
}


class LazyGroup(click.Group):
    """A click group that knows its commands by name and imports one when it is wanted."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(COMMANDS[cmd_name][0]).command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = difflib.get_close_matches(args[0], COMMANDS, n=1) if args[0] not in COMMANDS else []
        if near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION, prog_name="keras-cwp")
def cli() -> None:
    """Classify regions of interest of chest radiographs, and judge the network on other patients."""


def main(args: list[str] | None = None) -> Any:
    """Entry point: a CwpError becomes one line on stderr and exit code 1."""
    _read_names_as_utf8()
    _print_any_letter()
    leave_out_optional_imports()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # of libraries, with lines of their source; python -W default shows them
    try:
        return cli.main(args, prog_name="keras-cwp")
    except CwpError as error:
        click.echo(f"keras-cwp: {' '.join(str(error).split())}", err=True)
        sys.exit(1)


def _read_names_as_utf8() -> None:
    """Start Python anew in its UTF-8 mode where it takes names and arguments for ASCII.

    That is so under LC_ALL=C or POSIX where PYTHONUTF8 is 0 or PYTHONCOERCECLOCALE cannot help. File names of other
    letters would then differ from the same names in a table. Only a new process can change this.
    """
    ascii_only = codecs.lookup(sys.getfilesystemencoding()).name == "ascii"
    if ascii_only and not sys.flags.utf8_mode and sys.executable:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


def _print_any_letter() -> None:
    """Escape what a terminal's encoding cannot show: a message must not end in a UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
