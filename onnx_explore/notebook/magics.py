"""The magics: ``%onnx_export model x`` and the views of the last export. Their docstrings are the help pages.

Each magic parses its line (``line``), evaluates words in the user's namespace (``evaluation``), and prints text from
``explore``. A wrong word is IPython's one-line ``UsageError``; a failed export ends the cell with one readable block.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.display import display

from onnx_explore.auditing import audit
from onnx_explore.check.cost import RUNS
from onnx_explore.check.nodes import BUDGET
from onnx_explore.errors import InvalidArgument
from onnx_explore.explore.exploration import Exploration, explore
from onnx_explore.explore.operators import operators_of, operators_text
from onnx_explore.export import export
from onnx_explore.flow import check_opset
from onnx_explore.notebook.defining import concerns, define, registered_text
from onnx_explore.notebook.evaluation import Namespace, call_arguments, model_of
from onnx_explore.notebook.line import Line, WrongWord, cell_keywords, merge_axes, parse_line, without_axes
from onnx_explore.notebook.netron import NetronFrame
from onnx_explore.notebook.options import OPTIONS
from onnx_explore.notebook.reporting import raise_for, render, reporting
from onnx_explore.notebook.session import DEFAULT_NAME, Session, closest
from onnx_explore.notebook.used import value_is_used
from onnx_explore.recording import NodeLowered

_ON_THE_LINE = ("model", "args", "record", "recorder", "check")
CELL_ARGUMENTS = tuple(name for name in inspect.signature(export).parameters if name not in _ON_THE_LINE)
"""What the body of ``%%onnx_export`` may set."""


@magics_class
class OnnxMagics(Magics):
    """The magics of ``onnx_explore``."""

    def __init__(self, shell: InteractiveShell, session: Session) -> None:
        super().__init__(shell)
        self.session = session

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def onnx_export(
        self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None
    ) -> Exploration | None:
        """Export a model to ONNX, check it against PyTorch, and say what came out.

            %onnx_export model x
            %onnx_export model x y -o model.onnx --opset 18
            %onnx_export model.encoder (x, y) --dynamic x:0=batch,1=seq
            %onnx_export bert **inputs --dynamic input_ids:0=batch,1=seq --dynamic attention_mask:0=batch,1=seq
            %onnx_export model "torch.randn(1, 3, 224, 224)" --names image --output-names logits
            ex = %onnx_export model x --step

        The words are Python expressions: the model, then the arguments of its call. A word ends at a blank outside
        brackets and quotes; an expression with blanks stands in quotes or brackets.

            x                     a tensor, or a tuple of arguments as `export` takes it (it may end with a dict of
                                  keyword arguments)
            x y                   several positional arguments
            mask=m                a keyword argument
            *items, **mapping     several arguments

        Options

            -o FILE               write the model; nothing is written when the check fails
            --opset N             operator set, 7 … 28; default 17
            --dynamic NAME:AXIS=SYMBOL,…
                                  axes whose size may differ when the model runs: x:0=batch,1=seq; without symbols,
                                  x:0,1, they get automatic names. Once per input or output
            --names A,B           names of the inputs, then of the weights
            --output-names A,B    names of the outputs
            --kw NAME=EXPR        a keyword argument of the model's call, as mask=m does
            --training MODE       capture in mode eval (default), preserve or training
            --script              compile the model with torch.jit.script instead of tracing it
            --no-check            do not compare with PyTorch
            --no-folding          no constant folding
            --rtol R, --atol A    tolerances of the check; default by element type
            --step                pause before the first operator: go on with _onnx.step(), .run_until("aten::relu"),
                                  .run()
            --as VAR              the variable that holds the exploration; default _onnx
            --text                print text instead of showing the explorer
            --verbose             also print the whole ONNX graph, and write source lines into it

        As a cell magic, its body holds further arguments of `export`, as Python:

            %%onnx_export model x -o model.onnx
            dynamic_axes={"x": {0: "batch"}}
            custom_opsets={"my.domain": 2}

        In a notebook it shows the explorer; in a terminal, and with --text, it prints the verdict, the checks, inputs and
        outputs, and what one should know. See more with %onnx_graph, %onnx_dispatch, %onnx_check, %onnx_passes, %onnx_notes.

        When an operator has no symbolic function, the export stands still there. Register one, with
        @onnx_explore.symbolic("aten::x") or register_custom_op_symbolic, and call _onnx.run(): it goes on from there.
        """
        used = value_is_used()
        with self._reporting():
            parsed = parse_line(line, OPTIONS["onnx_export"])
            space = Namespace(self.session.shell.user_ns, local_ns)
            exploration = self._explore(parsed, cell, space)
            exploration.call_text = without_axes(line)
            name = parsed.get("as_name", DEFAULT_NAME)
            self.session.remember(exploration, name)
            if not parsed.get("step"):
                self._run(exploration)
            self._show(exploration, as_text=parsed.get("text", False) or not self.session.has_front_end)
        return exploration if used else None

    def _explore(self, parsed: Line, cell: str | None, space: Namespace) -> Exploration:
        if not parsed.words:
            raise WrongWord("what is to be exported? Write %onnx_export model x; %onnx_export? has examples")
        model = model_of(parsed.words[0], space)
        arguments = self._options(parsed)
        kwargs: dict[str, Any] = {}
        for name, source in cell_keywords(cell, CELL_ARGUMENTS).items() if cell is not None else ():
            if arguments.get(name) is not None:
                raise WrongWord(f"'{name}' is given on the line and in the cell")
            arguments[name] = space.evaluate(source)
        if arguments.get("kwargs") is not None:
            if not isinstance(arguments["kwargs"], Mapping):
                raise WrongWord("kwargs in the cell is not a mapping")
            kwargs.update(arguments.pop("kwargs"))
        args, named = call_arguments(parsed.words[1:], parsed.get("kw", []), space)
        twice = next((name for name in named if name in kwargs), None)
        if twice is not None:
            raise WrongWord(f"the keyword argument '{twice}' is given on the line and in the cell")
        kwargs.update(named)
        if parsed.get("script"):
            model = _scripted(model)
        return explore(
            model,
            args,
            arguments.pop("f", None),
            kwargs=kwargs or None,
            check=not parsed.get("no_check"),
            **{name: value for name, value in arguments.items() if value is not None},
        )

    @staticmethod
    def _options(parsed: Line) -> dict[str, Any]:
        """The options of the line under the names of ``export``'s parameters; None for what is not given."""
        return {
            "f": _expanded(parsed.get("output")),
            "opset_version": parsed.get("opset"),
            "dynamic_axes": merge_axes(parsed.get("dynamic", [])) or None,
            "input_names": parsed.get("names"),
            "output_names": parsed.get("output_names"),
            "training": parsed.get("training"),
            "do_constant_folding": False if parsed.get("no_folding") else None,
            "verbose": parsed.get("verbose"),
            "rtol": parsed.get("rtol"),
            "atol": parsed.get("atol"),
        }

    def _run(self, exploration: Exploration) -> None:
        """To the end; an interrupt leaves it paused and says so."""
        try:
            exploration.run()
        except KeyboardInterrupt as interrupt:
            block = self.session.readable(
                f"Interrupted\n  {exploration.headline}\n  next  {self.session.name}.run() goes on from there"
            )
            render(interrupt, block)
            raise

    def _show(self, exploration: Exploration, *, as_text: bool) -> None:
        """The explorer, or the summary as text; a failure ends the cell, with a block instead of a traceback."""
        session = self.session
        shown = f"{exploration.summary_text(session.width)}\n\n{self._hints(exploration)}"
        if not as_text:
            display(exploration)
        error = exploration.error
        if error is not None:
            render(error, session.readable(shown if as_text else f"{exploration.headline}\n{self._hints(exploration)}"))
            raise error
        if as_text:
            session.show(shown)
        if exploration.options.verbose and exploration.state == "exported":
            session.show(f"\n{exploration.onnx_text()}")
        report = exploration.report
        if report is not None and report.failures:
            raise_for(report.raise_if_failed, f"Nothing was written; {session.name}.save(FILE) writes it all the same.")

    def _hints(self, exploration: Exploration) -> str:
        name = self.session.name
        if exploration.state == "paused":
            return f"go on with {name}.run(), {name}.step() or {name}.run_until(…); look at %onnx_graph torch"
        if exploration.state == "failed" and exploration.node is not None:
            return (
                f"It stands still there. Register a symbolic function, then {name}.run() goes on from this node.\n"
                "more: %onnx_dispatch, %onnx_graph torch, %onnx_graph onnx"
            )
        if exploration.state == "failed":
            return f"The ONNX graph is complete. Mend the cause, then {name}.run() tries again."
        operator = _telling_operator(exploration)
        views = f"%onnx_graph torch, %onnx_graph onnx, %onnx_dispatch {operator}, %onnx_check, %onnx_passes"
        return f"more: {views}; this export is {name}"

    @no_var_expand
    @cell_magic
    def onnx_symbolic(self, line: str, cell: str) -> None:
        """Define a symbolic function in the cell, register it, and go on with the last export.

            %%onnx_symbolic aten::elu
            def elu(g, self: Tensor, alpha: float = 1.0):
                return g.op("Elu", self, alpha=alpha)

            %%onnx_symbolic aten::elu --opset 9
            @symbolic_helper.parse_args("v", "f")
            def elu(g, x, alpha):
                return g.op("Elu", x, alpha_f=alpha)

        The words are operators; ``aten::add.Tensor`` is one overload alone. The last function of the cell is registered; imports
        and helper functions may stand before it. Both styles are understood: that of this package (annotations, attributes by
        plain name), and that of torch.onnx.register_custom_op_symbolic (values of the graph, suffixed attributes).

        If the last export has such a node: one that stands still goes on from there, a paused one stays paused, a complete one
        is lowered again from the same capture. Run the cell again to replace the function; elu.remove() takes it back.

        Options

            --opset N             the first opset that it holds for, 7 … 28; default all
            --style STYLE         typed or torch, where the function does not show it; default auto
            --text                print text instead of showing the explorer
        """
        with self._reporting():
            parsed = parse_line(line, OPTIONS["onnx_symbolic"])
            if not parsed.words:
                raise WrongWord("which operator? Write %%onnx_symbolic aten::elu; %%onnx_symbolic? has examples")
            opset, style = parsed.get("opset"), parsed.get("style", "auto")
            made = define(self.session, cell, [word.text for word in parsed.words], opset=opset, style=style)
            self.session.show(registered_text(made, style))
            exploration = self.session.current
            if exploration is None or not concerns(exploration, made) or exploration.state == "paused":
                return
            if exploration.state == "exported":
                exploration.set_opset(exploration.options.opset_version)
            else:
                self._run(exploration)
            self._show(exploration, as_text=parsed.get("text", False) or not self.session.has_front_end)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_graph(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Print a graph of the last export.

            %onnx_graph                      the ONNX graph
            %onnx_graph torch                the TorchScript graph, after the torch passes: what is lowered
            %onnx_graph onnx features.0      only a module's part
            %onnx_graph torch aten::relu     only an operator

        Constants and lists of constants stand where they are used. While an export is paused or failed, the ONNX
        graph is what was emitted so far.

        Options

            --all                 every node in a line of its own, nothing left out or cut
            --wide                do not cut lines
            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            parsed, exploration, width = self._view("onnx_graph", line, local_ns, at_most=2)
            words = [word.text for word in parsed.words]
            which = words.pop(0).lower() if words and words[0].lower() in ("torch", "onnx") else "onnx"
            if len(words) > 1 or (words and len(parsed.words) == 1 and "." not in words[0] and "::" not in words[0]):
                raise WrongWord(
                    f"'{words[0]}' is not a graph; write torch or onnx{closest(words[0], ['torch', 'onnx'])}"
                )
            only = words[0] if words else ""
            if parsed.get("all"):
                self.session.show(exploration.torch_text() if which == "torch" else exploration.onnx_text())
            elif which == "torch":
                self.session.show(exploration.torch_table(width=width, only=only))
            else:
                self.session.show(exploration.onnx_table(width=width, only=only))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_dispatch(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Print which symbolic function lowered each operator of the last export, and why.

            %onnx_dispatch                   one line per operator
            %onnx_dispatch aten::relu        the full story: schema, arguments by name, registrations taken and not
                                             taken, what was emitted, time
            %onnx_dispatch 42                the node with this number (the first column)
            %onnx_dispatch features.0        all of a module
            %onnx_dispatch features.0/Conv   what an ONNX node was made from

        Options

            --all                 also nodes that emitted nothing: constants, lists, what was folded
            --wide                do not cut lines
            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            parsed, exploration, width = self._view("onnx_dispatch", line, local_ns, at_most=1)
            only = parsed.words[0].text if parsed.words else None
            try:
                shown = exploration.dispatch_table(only, everything=parsed.get("all", False), width=width)
            except InvalidArgument as error:
                known = sorted({node.target for node in exploration.torch_graph.block.nodes})
                raise WrongWord(f"this export has no '{only}'{closest(str(only), known)}") from error
            self.session.show(shown)

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_check(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Print what the checks of the last export found, in full; run them if they have not run yet.

            %onnx_check                      the report
            %onnx_check --again              run again
            %onnx_check --rtol 1e-3          run again with another tolerance
            %onnx_check --nodes              every intermediate: which node introduces a difference, which pass it on
            %onnx_check --cost               where the time goes: by module, source line and node

        The structure is checked by onnx.checker; the traced graph is replayed in PyTorch; ONNX Runtime is compared with
        PyTorch in dtypes, shapes and values, at the captured sizes and at another size of each dynamic axis.

        With --nodes, every node runs twice in ONNX: as the model runs, and alone, fed with PyTorch's values. A node that
        differs alone introduces an error; the others pass it on. _onnx.nodes_report holds the rows.

        With --cost, ONNX Runtime's own profile is taken, PyTorch's time stands beside it; _onnx.cost() gives the rows.

        Options

            --rtol R, --atol A    tolerances; default by element type
            --again               run again
            --nodes               check every node instead
            --budget MIB          for --nodes: MiB of intermediates to hold at a time; default 256
            --cost                measure time and count parameters instead
            --runs N              for --cost: how many runs to measure; default 10
            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            parsed, exploration, _ = self._view("onnx_check", line, local_ns, at_most=0)
            if exploration.state != "exported":
                raise WrongWord(
                    f"there is nothing to check yet: the export is {exploration.state}; see {self.session.name}"
                )
            rtol, atol, budget = parsed.get("rtol"), parsed.get("atol"), parsed.get("budget")
            if budget is not None and not parsed.get("nodes"):
                raise WrongWord("--budget goes with --nodes")
            if parsed.get("runs") is not None and not parsed.get("cost"):
                raise WrongWord("--runs goes with --cost")
            if parsed.get("cost") and parsed.get("nodes"):
                raise WrongWord("--cost and --nodes are two lines")
            if parsed.get("cost"):
                self.session.show(exploration.cost(runs=parsed.get("runs", RUNS)).to_text())
                return
            fresh = parsed.get("again") or (rtol, atol, budget) != (None, None, None)
            if parsed.get("nodes"):
                nodes = exploration.nodes_report
                if nodes is None or fresh:
                    held = BUDGET if budget is None else budget << 20
                    nodes = exploration.check_nodes(budget=held, rtol=rtol, atol=atol)
                self.session.show(nodes.to_text())
                return
            report = exploration.report
            if report is None or fresh:
                report = exploration.check(rtol=rtol, atol=atol)
            self.session.show(report.to_text())

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_axes(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Prove the dynamic axes of a model, or find the source line that baked a size into the graph.

            %onnx_axes                       those of the last export
            %onnx_axes --repair              compute baked sizes instead, where they follow the sizes linearly; the last
                                             export then is the repaired one
            %onnx_axes model x --dynamic x:0=batch,1=seq
                                             those of a model
            %onnx_axes --table               only the table of inputs and dimensions, with what can be copied

        The model is captured again at other sizes and the graphs are compared: whatever differs was baked, and the line that
        did it is named. Then ONNX Runtime is compared with PyTorch at sizes that nothing was derived from.

        Options

            --dynamic NAME:AXIS=SYMBOL,…
                                  for a model: the axes to prove, as for %onnx_export
            --sizes SYMBOL=N,N,…  sizes to use instead of chosen ones: two for captures, the rest for the proof
            --repair              repair what can be repaired; what was, is listed
            --torch-export        also ask torch.export for its constraints; may take long
            --table               no audit
            --kw NAME=EXPR        a keyword argument of the model's call, as mask=m does
            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            parsed = parse_line(line, OPTIONS["onnx_axes"])
            how: dict[str, Any] = {
                "sizes": dict(parsed.get("sizes", [])) or None,
                "repair": bool(parsed.get("repair")),
                "torch_export": bool(parsed.get("torch_export")),
            }
            axes = merge_axes(parsed.get("dynamic", []))
            if parsed.words:
                space = Namespace(self.session.shell.user_ns, local_ns)
                model = model_of(parsed.words[0], space)
                args, kwargs = call_arguments(parsed.words[1:], parsed.get("kw", []), space)
                self.session.show(audit(model, args, axes, kwargs=kwargs or None, **how).to_text(self.session.readable))
                return
            if axes:
                raise WrongWord(
                    "--dynamic needs a model: %onnx_axes model x --dynamic …; or use _onnx.set_dynamic_axes"
                )
            _, exploration, _ = self._view("onnx_axes", line, local_ns, at_most=0)
            if parsed.get("table"):
                self.session.show(exploration.axes.to_text())
            else:
                self.session.show(exploration.audit_axes(**how).to_text(self.session.readable))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_passes(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Print the passes of the last export, on both graphs: nodes before, change, time.

            %onnx_passes

        Options

            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            _, exploration, _ = self._view("onnx_passes", line, local_ns, at_most=0)
            self.session.show(exploration.passes_text())

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_notes(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Print what one should know of the last export, worst first, with source lines.

            %onnx_notes

        Options

            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            _, exploration, _ = self._view("onnx_notes", line, local_ns, at_most=0)
            self.session.show(exploration.notes_text() or "nothing to note")

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_ops(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Print every operator of a model: from which opset on it can be exported, and by which symbolic function.

            %onnx_ops                        the operators of the last export
            %onnx_ops model x                those of a model, which is captured and not exported
            %onnx_ops model x --opset 9      at another opset

        Operators that cannot be exported come first, all of them at once. ``decomposition`` means that PyTorch's own
        decomposition into other operators is used.

        Options

            --opset N             operator set, 7 … 28; default 17, or the last export's
            --kw NAME=EXPR        a keyword argument of the model's call, as mask=m does
            --wide                do not cut lines
            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            parsed = parse_line(line, OPTIONS["onnx_ops"])
            opset = parsed.get("opset")
            if parsed.words:
                space = Namespace(self.session.shell.user_ns, local_ns)
                model = model_of(parsed.words[0], space)
                args, kwargs = call_arguments(parsed.words[1:], parsed.get("kw", []), space)
                exploration = explore(model, args, kwargs=kwargs or None, opset_version=opset, check=False)
            else:
                _, exploration, _ = self._view("onnx_ops", line, local_ns, at_most=0)
            opset = opset if opset is not None else exploration.options.opset_version
            check_opset(opset)
            width = None if parsed.get("wide") else self.session.width
            self.session.show(operators_text(operators_of(exploration.torch_graph, opset), opset, width))

    @no_var_expand
    @needs_local_scope
    @line_magic
    def onnx_netron(self, line: str, local_ns: dict[str, Any] | None = None) -> None:
        """Draw a model with Netron, inside the notebook and through the Jupyter server itself.

            %onnx_netron                     the file that the last export was written to
            %onnx_netron model.onnx          any file below the folder that the server serves
            %onnx_netron -o model.onnx       write the last export first

        Options

            -o FILE               write the last export there first
            --height PIXELS       height of the frame; default 600
            --of EXPR             another exploration than the last one
        """
        with self._reporting():
            parsed = parse_line(line, OPTIONS["onnx_netron"], at_most=1)
            file = _expanded(parsed.words[0].text.strip("'\"") if parsed.words else parsed.get("output"))
            if not parsed.words:
                _, exploration, _ = self._view("onnx_netron", line, local_ns, at_most=0)
                if file is not None:
                    exploration.save(file)
                file = file or exploration.exported.path
            if file is None:
                raise WrongWord("the last export was not written to a file; write it with %onnx_netron -o model.onnx")
            frame = NetronFrame(file, parsed.get("height", 600))
            if getattr(self.session.shell, "kernel", None) is None:
                raise WrongWord(f"Netron is shown in a notebook only; in a terminal, run: netron {file}")
            display(frame)

    def _view(
        self, magic: str, line: str, local_ns: dict[str, Any] | None, *, at_most: int
    ) -> tuple[Line, Exploration, int | None]:
        """What every view starts with: the parsed line, the exploration, the width."""
        parsed = parse_line(line, OPTIONS[magic], at_most=at_most)
        exploration: Any = None
        if parsed.get("of") is not None:
            exploration = Namespace(self.session.shell.user_ns, local_ns).evaluate(parsed.get("of"))
            if not isinstance(exploration, Exploration):
                raise WrongWord(f"'{parsed.get('of')}' is a {type(exploration).__name__}, not an exploration")
        else:
            exploration = self.session.exploration()
        return parsed, exploration, None if parsed.get("wide") else self.session.width

    def _reporting(self) -> AbstractContextManager[None]:
        return reporting(self.session)


def _telling_operator(exploration: Exploration) -> str:
    """An operator worth looking at: the first one with a weight, else the first that emitted something."""
    graph = exploration.torch_graph
    weights = {item.value.id for item in graph.parameters if item.trainable}
    emitted = {event.node for event in exploration.recording.of(NodeLowered) if event.emitted}
    nodes = [node for node in graph.block.nodes if node.id in emitted]
    telling = next((node for node in nodes if any(value.id in weights for value in node.inputs)), None)
    chosen = telling or next(iter(nodes), None)
    return chosen.target if chosen is not None else "NODE"


def _expanded(file: str | None) -> str | None:
    return os.path.expanduser(file) if file is not None else None


def _scripted(model: Any) -> Any:
    if isinstance(model, torch.jit.ScriptModule | torch.jit.ScriptFunction):
        return model  # pyright: ignore[reportUnknownVariableType]
    try:
        return torch.jit.script(model)
    except Exception as error:
        first = next((line.strip() for line in str(error).splitlines() if line.strip()), "no message")
        raise WrongWord(f"--script: torch.jit.script cannot compile it: {first}") from error
