/**
 * An output that holds a widget and what was stored of it: the widget, if its kernel knows it; else what was stored.
 * ipywidgets' own renderer says "Loading widget…" for ever in a notebook without a kernel.
 */

import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";
import { isSaved } from "./kernel/saved";
import { SavedRenderer } from "./mime";
import { MIME_TYPE, WIDGET_VIEW } from "./mimetype";
import { OUTPUT, STORED } from "./views/storing";

/** How long a widget may take to come before what was stored is shown. */
const PATIENCE = 2500;

type JSONObject = IRenderMime.IMimeModel["data"];

/** Which widget an output shows. */
function viewOf(model: IRenderMime.IMimeModel): unknown {
  const view = model.data[WIDGET_VIEW];
  return typeof view === "object" && view !== null && "model_id" in view ? view.model_id : undefined;
}

export interface RendererSource {
  createRenderer(mimeType: string): IRenderMime.IRenderer;
  readonly factories?: unknown;
  getFactory(mimeType: string): IRenderMime.IRendererFactory | undefined;
}

export class LiveOrSavedRenderer extends Widget implements IRenderMime.IRenderer {
  private live: IRenderMime.IRenderer | undefined;
  private saved: SavedRenderer | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private observer: MutationObserver | undefined;
  private model: IRenderMime.IMimeModel | undefined;
  private view: unknown;

  constructor(private readonly renderers: RendererSource) {
    super();
    this.addClass(OUTPUT);
    this.node.addEventListener(STORED, (event) => this.store(event as CustomEvent<JSONObject>));
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.model = model;
    // What is stored beside it changed, and the widget is there: it knows already.
    const view = viewOf(model);
    if (this.live !== undefined && view !== undefined && view === this.view) return;
    this.view = view;
    this.reset();
    const hasWidget = model.data[WIDGET_VIEW] !== undefined && this.renderers.getFactory(WIDGET_VIEW) !== undefined;
    if (!hasWidget) {
      await this.showSaved(model);
      return;
    }
    const live = this.renderers.createRenderer(WIDGET_VIEW);
    this.live = live;
    this.attach(live);
    const settle = (): void => {
      if (live.node.querySelector(".oe-root") === null) return;
      clearTimeout(this.timer);
      this.observer?.disconnect();
      live.show();
      this.saved?.dispose();
      this.saved = undefined;
    };
    this.observer = new MutationObserver(settle);
    this.observer.observe(live.node, { childList: true, subtree: true });
    this.timer = setTimeout(() => {
      live.hide();
      void this.showSaved(model);
    }, PATIENCE);
    void live.renderModel(model);
    settle();
  }

  private async showSaved(model: IRenderMime.IMimeModel): Promise<void> {
    if (model.data[MIME_TYPE] === undefined || this.saved !== undefined || this.isDisposed) return;
    this.saved = new SavedRenderer();
    this.attach(this.saved);
    await this.saved.renderModel(model);
  }

  /** What the widget found goes into the output, and with it into the notebook. */
  private store(event: CustomEvent<JSONObject>): void {
    const { model } = this;
    if (model === undefined || isSaved(event.detail) === false) return;
    model.setData({ data: { ...model.data, [MIME_TYPE]: event.detail } });
  }

  private attach(child: Widget): void {
    if (this.isAttached) Widget.attach(child, this.node);
    else this.node.append(child.node);
  }

  private reset(): void {
    clearTimeout(this.timer);
    this.observer?.disconnect();
    this.live?.dispose();
    this.saved?.dispose();
    this.live = undefined;
    this.saved = undefined;
  }

  override dispose(): void {
    this.reset();
    super.dispose();
  }
}
