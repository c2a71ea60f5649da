/** `.onnx` files: read-only, with the widget's own views. A broken file gets a sentence, not an empty page. */

import layoutScript from "text:layout.js";
import { ABCWidgetFactory, type DocumentRegistry, DocumentWidget } from "@jupyterlab/docregistry";
import { Widget } from "@lumino/widgets";
import { BrokenModel, parseModel } from "./onnx/parse";
import { FileSource } from "./onnx/source";
import { el, icon } from "./render/dom";
import { injectStyle } from "./style";
import { mount } from "./views/app";

export const FACTORY = "ONNX";
const MOST = 400 * 1024 * 1024;

class OnnxView extends Widget {
  private unmount: (() => void) | undefined;

  constructor(private readonly context: DocumentRegistry.Context) {
    super();
    this.addClass("oe-document");
    injectStyle();
    this.say("Reading …");
    void context.ready.then(() => {
      if (this.isDisposed) return;
      this.show_();
      context.model.contentChanged.connect(this.show_, this);
    });
  }

  override dispose(): void {
    this.unmount?.();
    super.dispose();
  }

  private show_(): void {
    this.unmount?.();
    this.unmount = undefined;
    this.node.replaceChildren();
    try {
      const text = this.context.model.toString();
      if (text.length > MOST) {
        this.say("The file is too large to be read in the browser. Open it with onnx_explore or Netron in a notebook.");
        return;
      }
      const model = parseModel(decode(text));
      this.unmount = mount(this.node, new FileSource(model, layoutScript), { fillParent: true });
    } catch (error) {
      const reason = error instanceof BrokenModel ? error.message : `It cannot be shown: ${String(error)}`;
      this.say(`${this.context.path}: ${reason}`, true);
    }
  }

  private say(text: string, bad = false): void {
    this.node.replaceChildren(
      el("p", { class: "oe-document-message", role: bad ? "alert" : "status" }, bad ? icon("bad") : null, text),
    );
  }
}

function decode(base64: string): Uint8Array {
  const binary = atob(base64.replace(/\s/gu, ""));
  const bytes = new Uint8Array(binary.length);
  for (let index = 0; index < binary.length; index++) bytes[index] = binary.charCodeAt(index);
  return bytes;
}

export class OnnxFactory extends ABCWidgetFactory<DocumentWidget<OnnxView>> {
  protected createNewWidget(context: DocumentRegistry.Context): DocumentWidget<OnnxView> {
    return new DocumentWidget({ content: new OnnxView(context), context });
  }
}
