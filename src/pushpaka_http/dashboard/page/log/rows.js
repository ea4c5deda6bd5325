/** The part of a list that is in the page: rows for some of its indices, one below the other. */

/** @typedef {{element: HTMLElement}} Row */

/** Leaves rows alone that stay in sight; those that go out of it are free to show what comes. */
export class Rows {
  from = 0;

  /** @type {Row[]} */
  #rows = [];
  #window;
  #show;
  #free;

  /**
   * @param {HTMLElement} window that holds their elements
   * @param {(index: number) => Row} show what is at an index, in a new row or in a free one
   * @param {(row: Row) => void} free a row that shows nothing any more
   */
  constructor(window, show, free) {
    this.#window = window;
    this.#show = show;
    this.#free = free;
  }

  get to() {
    return this.from + this.#rows.length;
  }

  /**
   * Whether there are rows for all of these indices already.
   *
   * @param {number} from
   * @param {number} to
   */
  hold(from, to) {
    return this.from <= from && to <= this.to && this.from < this.to;
  }

  /**
   * Whether there are rows for one of these indices already.
   *
   * @param {number} from
   * @param {number} to
   */
  meet(from, to) {
    return from < this.to && this.from < to;
  }

  /** Let go of all of them, as what is at an index has changed. */
  forget() {
    this.#release(this.#rows.splice(0));
  }

  /**
   * Have rows for all indices from *from* up to *to*, which is not included.
   *
   * @param {number} from
   * @param {number} to
   */
  draw(from, to) {
    if (!this.meet(from, to)) this.forget();
    if (!this.#rows.length) this.from = from;
    this.#release(this.#rows.splice(Math.max(to - this.from, 0)));
    this.#release(this.#rows.splice(0, Math.max(from - this.from, 0)));
    this.from = Math.max(this.from, from);
    const above = this.#shown(from, this.from);
    const below = this.#shown(this.to, to);
    this.#window.prepend(...above.map(({ element }) => element));
    this.#window.append(...below.map(({ element }) => element));
    this.#rows = [...above, ...this.#rows, ...below];
    this.from = from;
  }

  /**
   * The element of an index that is drawn.
   *
   * @param {number} index
   */
  at(index) {
    return this.#rows[index - this.from].element;
  }

  /** @param {Row[]} rows */
  #release(rows) {
    for (const row of rows) {
      row.element.remove();
      this.#free(row);
    }
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #shown(from, to) {
    return Array.from({ length: Math.max(to - from, 0) }, (_, step) => this.#show(from + step));
  }
}
