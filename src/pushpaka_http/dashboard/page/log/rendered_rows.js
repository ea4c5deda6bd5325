/** The rows that are in the document: a contiguous range of indices. */

/** Keeps the elements of rows that stay in the range, and releases the others for reuse. */
export class RenderedRows {
  from = 0;
  #rows = [];
  #window;
  #create;
  #release;

  /**
   * @param {HTMLElement} window the parent of the elements
   * @param {(index: number) => {element: HTMLElement}} create returns a new or reused row
   * @param {(row: {element: HTMLElement}) => void} release receives rows that are no longer needed
   */
  constructor(window, create, release) {
    this.#window = window;
    this.#create = create;
    this.#release = release;
  }

  get to() {
    return this.from + this.#rows.length;
  }

  containsAll(from, to) {
    return this.from <= from && to <= this.to && this.from < this.to;
  }

  containsAny(from, to) {
    return from < this.to && this.from < to;
  }

  /** Remove all rows, because their content has changed. */
  clear() {
    this.#remove(this.#rows.splice(0));
  }

  /** Render the rows from *from* to before *to*. */
  render(from, to) {
    if (!this.containsAny(from, to)) this.clear();
    if (!this.#rows.length) this.from = from;
    this.#remove(this.#rows.splice(Math.max(to - this.from, 0)));
    this.#remove(this.#rows.splice(0, Math.max(from - this.from, 0)));
    this.from = Math.max(this.from, from);
    const above = this.#created(from, this.from);
    const below = this.#created(this.to, to);
    this.#window.prepend(...above.map(({ element }) => element));
    this.#window.append(...below.map(({ element }) => element));
    this.#rows = [...above, ...this.#rows, ...below];
    this.from = from;
  }

  elementAt(index) {
    return this.#rows[index - this.from].element;
  }

  #remove(rows) {
    for (const row of rows) {
      row.element.remove();
      this.#release(row);
    }
  }

  #created(from, to) {
    return Array.from({ length: Math.max(to - from, 0) }, (_, step) => this.#create(from + step));
  }
}
