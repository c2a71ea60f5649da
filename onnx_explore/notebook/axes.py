"""``%onnx_axes``: the audit of the last export's dynamic axes, or of a model's. Its docstring is the help page."""

from __future__ import annotations

from typing import Any

from IPython.core.magic import line_magic, magics_class, needs_local_scope, no_var_expand

from onnx_explore.auditing import audit
from onnx_explore.notebook.evaluation import Namespace, call_arguments, model_of
from onnx_explore.notebook.line import WrongWord, merge_axes, parse_line
from onnx_explore.notebook.options import OPTIONS
from onnx_explore.notebook.reporting import SessionMagics


@magics_class
class AxesMagics(SessionMagics):
    """The magic of the axes."""

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
