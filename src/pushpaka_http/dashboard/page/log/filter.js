/** Filters log lines, and finds matches in them. */

import { plain } from "./ansi.js";
import { LEVELS, PHASES, STREAMS } from "./store.js";

/**
 * @typedef {object} Criteria
 * @property {string} stream one of STREAMS, or empty for all
 * @property {string} level the lowest level, one of LEVELS, or empty for all
 * @property {string} text contained in the line, ignoring case
 * @property {string} [phase] one of PHASES, or empty for all
 */

/** @type {Criteria} */
export const EVERYTHING = Object.freeze({ stream: "", level: "", text: "" });

export class LogFilter {
  #stream;
  #level;
  #phase;
  #text;

  /** @param {Criteria} criteria */
  constructor({ stream, level, text, phase }) {
    this.#stream = STREAMS.indexOf(stream);
    this.#level = LEVELS.indexOf(level);
    this.#phase = PHASES.indexOf(phase);
    this.#text = text ? new RegExp(text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&"), "giu") : null;
  }

  /** Return true if the line at this position of the store passes the filter. */
  accepts(store, position) {
    return (
      (this.#stream < 0 || store.stream(position) === this.#stream) &&
      store.level(position) >= this.#level &&
      (this.#phase < 0 || store.phase(position) === this.#phase) &&
      (!this.#text || this.#isIn(store.message(position)))
    );
  }

  /** Return the start and end of each match in a text. */
  matches(text) {
    if (!this.#text) return [];
    return Array.from(text.matchAll(this.#text), (match) => [match.index, match.index + match[0].length]);
  }

  #isIn(message) {
    this.#text.lastIndex = 0;
    return this.#text.test(plain(message));
  }
}
