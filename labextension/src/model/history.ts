/** Where one has been: every reveal pushes, back pops. */

export interface Place {
  pane: string;
  row: number;
}

const MOST = 100;

export class History {
  private readonly places: Place[] = [];

  push(place: Place): void {
    const last = this.places.at(-1);
    if (last !== undefined && last.pane === place.pane && last.row === place.row) return;
    this.places.push(place);
    if (this.places.length > MOST) this.places.shift();
  }

  pop(): Place | undefined {
    return this.places.pop();
  }

  get size(): number {
    return this.places.length;
  }
}
