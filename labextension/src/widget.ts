/** The ESM widget: all that needs a kernel. */

import { CommSource, type WidgetModel } from "./kernel/comm";
import { mount } from "./views/app";

export default {
  render({ model, el }: { model: WidgetModel; el: HTMLElement }): () => void {
    const source = new CommSource(model);
    const close = mount(el, source);
    return () => {
      close();
      source.close();
    };
  },
};
