export const MIME_TYPE = "application/vnd.onnx-explore.v1+json";
export const WIDGET_VIEW = "application/vnd.jupyter.widget-view+json";
