/** A value that tells when it changes. */

export class Signal<T> {
  private readonly listeners = new Set<(value: T) => void>();

  constructor(private current: T) {}

  get value(): T {
    return this.current;
  }

  set value(value: T) {
    if (Object.is(value, this.current)) return;
    this.current = value;
    for (const listener of [...this.listeners]) listener(value);
  }

  /** Hear every change from now on. */
  on(listener: (value: T) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Hear the value now, and every change. */
  watch(listener: (value: T) => void): () => void {
    listener(this.current);
    return this.on(listener);
  }
}

/** Call at most once per interval; the last call is never lost. */
export function throttled<A extends unknown[]>(milliseconds: number, call: (...args: A) => void): (...args: A) => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let last = Number.NEGATIVE_INFINITY;
  let pending: A | undefined;
  return (...args: A) => {
    pending = args;
    if (timer !== undefined) return;
    const wait = Math.max(0, last + milliseconds - performance.now());
    const run = (): void => {
      timer = undefined;
      last = performance.now();
      if (pending !== undefined) call(...pending);
      pending = undefined;
    };
    if (wait === 0) run();
    else timer = setTimeout(run, wait);
  };
}
