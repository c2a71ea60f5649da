/** The style sheet for where anywidget does not bring it. Once in a page. */

import css from "text:widget-style.css";

const ID = "onnx-explore-style";

export function injectStyle(): void {
  if (document.getElementById(ID) !== null) return;
  const style = document.createElement("style");
  style.id = ID;
  style.textContent = css;
  document.head.append(style);
}
