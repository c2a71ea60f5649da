/** MIME renderer for saved outputs without a kernel: the same views over what was stored with the notebook. */

import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";
import { isSaved, SavedSource } from "./kernel/saved";
import { MIME_TYPE } from "./mimetype";
import { el } from "./render/dom";
import { injectStyle } from "./style";
import { mount } from "./views/app";

export class SavedRenderer extends Widget implements IRenderMime.IRenderer {
  private unmount: (() => void) | undefined;

  constructor() {
    super();
    this.addClass("oe-mime");
  }

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.unmount?.();
    this.unmount = undefined;
    injectStyle();
    const data = model.data[MIME_TYPE];
    if (isSaved(data)) this.unmount = mount(this.node, new SavedSource(data));
    else {
      this.node.replaceChildren(
        el("p", {}, "This output was made by another version of onnx_explore; run the cell again to see it."),
      );
    }
    return Promise.resolve();
  }

  override dispose(): void {
    this.unmount?.();
    super.dispose();
  }
}

const extension: IRenderMime.IExtension = {
  id: "onnx-explore:mime",
  description: "Shows explorations that were saved with a notebook.",
  rendererFactory: { safe: true, mimeTypes: [MIME_TYPE], createRenderer: () => new SavedRenderer() },
  // After the widget itself, before HTML and text.
  rank: 40,
  dataType: "json",
};

export default extension;
