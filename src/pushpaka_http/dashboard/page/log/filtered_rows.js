/** The rows of a log that pass the filter: lines, and a heading above each phase. */

import { EVERYTHING, LogFilter } from "./filter.js";
import { Heights } from "./heights.js";
import { firstIndex } from "./search.js";

const HEADING_HEIGHT = 2;

/**
 * Rows by index. A line at a position of the store is the number `2 * position + 1`, and the
 * heading above it `2 * position`, so that the numbers are sorted.
 */
export class FilteredRows {
  heights = new Heights();
  filter = new LogFilter(EVERYTHING);
  /** The number of lines without headings. */
  lines = 0;

  #items = [];
  #store;
  #columns = Infinity;
  #next = 0;
  #first = 0;
  #phase = -1;

  constructor(store) {
    this.#store = store;
  }

  get size() {
    return this.#items.length;
  }

  /** Add the new lines of the store, and drop those that it has dropped. */
  update() {
    if (this.#first !== this.#store.first) this.#reset();
    for (; this.#next < this.#store.end; this.#next += 1) this.#add(this.#next);
  }

  /** Apply another filter, or another width in columns at which lines wrap. */
  rebuild(filter, columns) {
    this.filter = filter;
    this.#columns = columns;
    this.#reset();
    this.update();
  }

  /** Return the position of the line at *index*, or of the line below the heading there. */
  positionAt(index) {
    return this.#items[index] >> 1;
  }

  isHeading(index) {
    return this.#items[index] % 2 === 0;
  }

  /** Return the index of the first line at or after a position, or `size`. */
  indexOf(position) {
    return firstIndex(0, this.#items.length, (index) => this.#items[index] < 2 * position + 1);
  }

  /** Yield the positions of all lines. */
  *positions() {
    for (const item of this.#items) if (item % 2) yield item >> 1;
  }

  #reset() {
    this.#items = [];
    this.heights.clear();
    this.lines = 0;
    this.#phase = -1;
    this.#first = this.#store.first;
    this.#next = this.#store.first;
  }

  #add(position) {
    if (!this.filter.accepts(this.#store, position)) return;
    const phase = this.#store.phase(position);
    if (phase !== this.#phase) {
      this.#items.push(2 * position);
      this.heights.push(HEADING_HEIGHT);
      this.#phase = phase;
    }
    this.#items.push(2 * position + 1);
    this.heights.push(Math.max(Math.ceil(this.#store.columns(position) / this.#columns), 1));
    this.lines += 1;
  }
}
