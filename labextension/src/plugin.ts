/** The labextension: `.onnx` documents, Netron, and outputs that outlive their kernel. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, IFrame, MainAreaWidget } from "@jupyterlab/apputils";
import { PageConfig, URLExt } from "@jupyterlab/coreutils";
import type { DocumentRegistry } from "@jupyterlab/docregistry";
import { IFileBrowserFactory } from "@jupyterlab/filebrowser";
import { FACTORY, OnnxFactory } from "./document";
import { LiveOrSavedRenderer, type RendererSource } from "./liveorsaved";
import { MIME_TYPE } from "./mimetype";
import { injectStyle } from "./style";

const NETRON = "onnx-explore:netron";

const documents: JupyterFrontEndPlugin<void> = {
  id: "onnx-explore:documents",
  description: "Opens .onnx files.",
  autoStart: true,
  activate: (app: JupyterFrontEnd): void => {
    injectStyle();
    app.docRegistry.addFileType({
      name: "onnx",
      displayName: "ONNX model",
      extensions: [".onnx"],
      mimeTypes: ["application/onnx"],
      fileFormat: "base64",
      contentType: "file",
    });
    app.docRegistry.addWidgetFactory(
      new OnnxFactory({
        name: FACTORY,
        label: "ONNX graph",
        modelName: "base64",
        fileTypes: ["onnx"],
        defaultFor: ["onnx"],
        readOnly: true,
      }) as unknown as DocumentRegistry.WidgetFactory,
    );
  },
};

interface NotebookPanel {
  content: {
    rendermime: RendererSource & {
      addFactory(
        factory: { safe: boolean; mimeTypes: string[]; createRenderer: () => LiveOrSavedRenderer },
        rank: number,
      ): void;
    };
  };
}

const outputs: JupyterFrontEndPlugin<void> = {
  id: "onnx-explore:outputs",
  description: "Shows the stored form of a widget whose kernel is gone.",
  autoStart: true,
  activate: (app: JupyterFrontEnd): void => {
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew(panel: unknown): undefined {
        const { rendermime } = (panel as NotebookPanel).content;
        // Before ipywidgets' renderer (rank -10), which has nothing to show without a kernel.
        rendermime.addFactory(
          { safe: true, mimeTypes: [MIME_TYPE], createRenderer: () => new LiveOrSavedRenderer(rendermime) },
          -20,
        );
      },
    } as unknown as DocumentRegistry.WidgetExtension);
  },
};

const netron: JupyterFrontEndPlugin<void> = {
  id: "onnx-explore:netron",
  description: "Opens models in Netron, through the Jupyter server.",
  autoStart: true,
  optional: [IFileBrowserFactory, ICommandPalette],
  activate: (app: JupyterFrontEnd, browsers: IFileBrowserFactory | null, palette: ICommandPalette | null): void => {
    const chosen = (): string | undefined => {
      const items = browsers?.tracker.currentWidget?.selectedItems();
      const item = items?.next();
      return item === undefined || item.done === true ? undefined : item.value.path;
    };
    app.commands.addCommand(NETRON, {
      label: "Open in Netron",
      caption: "Draw this model with Netron, inside JupyterLab",
      isEnabled: () => chosen() !== undefined,
      execute: (args) => {
        const path = typeof args.path === "string" ? args.path : chosen();
        if (path === undefined) return;
        const frame = new IFrame({ sandbox: ["allow-scripts", "allow-same-origin", "allow-downloads"] });
        frame.url = netronUrl(path);
        const widget = new MainAreaWidget({ content: frame });
        widget.title.label = `Netron: ${path.split("/").at(-1) ?? path}`;
        widget.title.closable = true;
        app.shell.add(widget, "main");
        return widget;
      },
    });
    app.contextMenu.addItem({ command: NETRON, selector: '.jp-DirListing-item[data-file-type="onnx"]', rank: 3 });
    palette?.addItem({ command: NETRON, category: "ONNX" });
  },
};

function netronUrl(path: string): string {
  const base = URLExt.join(PageConfig.getBaseUrl(), "onnx-explore", "netron", "index.html");
  const model = URLExt.join(PageConfig.getBaseUrl(), "onnx-explore", "model", URLExt.encodeParts(path));
  return `${base}?url=${encodeURIComponent(model)}&identifier=${encodeURIComponent(path)}`;
}

const plugins: JupyterFrontEndPlugin<void>[] = [documents, outputs, netron];
export default plugins;
