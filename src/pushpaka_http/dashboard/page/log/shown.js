/** What of a log is shown: the wanted lines, each phase below its heading, and how high they are. */

import { EVERYTHING, LogFilter } from "./filter.js";
import { Heights } from "./heights.js";

export const HEADING_ROWS = 2;

/**
 * Holds what is shown by index. A line counts as `2 * place + 1` and the heading above it
 * as `2 * place`, so that both are found by their order.
 */
export class Shown {
  heights = new Heights();
  filter = new LogFilter(EVERYTHING);
  /** How many lines are shown, headings not counted. */
  lines = 0;

  /** @type {number[]} */
  #items = [];
  #store;
  #columns = Infinity;
  #next = 0;
  #first = 0;
  #phase = -1;

  /** @param {import("./store.js").LogStore} store */
  constructor(store) {
    this.#store = store;
  }

  get size() {
    return this.#items.length;
  }

  /** Take what the store has more, and let go of what it has forgotten. */
  catchUp() {
    if (this.#first !== this.#store.first) this.#begin();
    for (; this.#next < this.#store.end; this.#next += 1) this.#add(this.#next);
  }

  /**
   * Show other lines, or in another width.
   *
   * @param {LogFilter} filter
   * @param {number} columns after which a line wraps
   */
  renew(filter, columns) {
    this.filter = filter;
    this.#columns = columns;
    this.#begin();
    this.catchUp();
  }

  /** The place of the line at *index*, or of the one below the heading there. @param {number} index */
  placeAt(index) {
    return this.#items[index] >> 1;
  }

  /** @param {number} index */
  isHeading(index) {
    return this.#items[index] % 2 === 0;
  }

  /** The index of the first line that is at *place* or after it; `size` where there is none. @param {number} place */
  indexOf(place) {
    const item = 2 * place + 1;
    let [low, high] = [0, this.#items.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#items[middle] < item) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The places of all lines that are shown. */
  *places() {
    for (const item of this.#items) if (item % 2) yield item >> 1;
  }

  #begin() {
    this.#items = [];
    this.heights.clear();
    this.lines = 0;
    this.#phase = -1;
    this.#first = this.#store.first;
    this.#next = this.#store.first;
  }

  /** @param {number} place */
  #add(place) {
    if (!this.filter.wants(this.#store, place)) return;
    const phase = this.#store.phase(place);
    if (phase !== this.#phase) {
      this.#items.push(2 * place);
      this.heights.push(HEADING_ROWS);
      this.#phase = phase;
    }
    this.#items.push(2 * place + 1);
    this.heights.push(Math.max(Math.ceil(this.#store.columns(place) / this.#columns), 1));
    this.lines += 1;
  }
}
