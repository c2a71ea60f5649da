/** What a layout takes and gives: numbers only, so that it travels to a worker and back without copies. */

export interface LayoutInput {
  /** Width and height of each node. */
  sizes: Float32Array;
  /** Pairs: from, to. */
  edges: Int32Array;
}

export interface LayoutOutput {
  /** Centre of each node: x, y. */
  centers: Float32Array;
  /** Per edge, where its points begin; one more than there are edges. */
  starts: Int32Array;
  /** Points of all edges: x, y. */
  points: Float32Array;
  width: number;
  height: number;
  engine: "dagre" | "layered";
}

export const NODE_GAP = 22;
export const RANK_GAP = 38;

/** Up to so many nodes and edges dagre draws, which is prettier; above, the layered layout, which is linear. */
export const DAGRE_NODES = 300;
export const DAGRE_EDGES = 600;
