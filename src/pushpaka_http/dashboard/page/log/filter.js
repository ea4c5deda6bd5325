/** Which lines of a log somebody wants to see, and where in them what they look for is. */

import { plain } from "./ansi.js";
import { LEVELS, STREAMS } from "./store.js";

/**
 * @typedef {object} Wanted
 * @property {string} stream one of STREAMS; empty are all
 * @property {string} level one of LEVELS, which takes what matters more along; empty are all
 * @property {string} text that a line contains, in any case; empty is any
 */

/** @type {Wanted} */
export const EVERYTHING = Object.freeze({ stream: "", level: "", text: "" });

/** Decides of each line whether it is wanted. */
export class LogFilter {
  #stream;
  #level;
  /** @type {RegExp | null} */
  #text;

  /** @param {Wanted} wanted */
  constructor(wanted) {
    this.#stream = STREAMS.indexOf(wanted.stream);
    this.#level = LEVELS.indexOf(wanted.level);
    this.#text = wanted.text ? new RegExp(escaped(wanted.text), "giu") : null;
  }

  /** Whether every line is wanted. */
  get isOpen() {
    return this.#stream < 0 && this.#level <= 0 && !this.#text;
  }

  /**
   * @param {import("./store.js").LogStore} store
   * @param {number} place
   */
  wants(store, place) {
    return (
      (this.#stream < 0 || store.stream(place) === this.#stream) &&
      store.level(place) >= this.#level &&
      (!this.#text || this.#isIn(store.message(place)))
    );
  }

  /**
   * Where in a text what is looked for begins and ends.
   *
   * @param {string} text
   * @returns {[number, number][]}
   */
  matches(text) {
    if (!this.#text) return [];
    return Array.from(text.matchAll(this.#text), (match) => [match.index, match.index + match[0].length]);
  }

  /** @param {string} message */
  #isIn(message) {
    const text = /** @type {RegExp} */ (this.#text);
    text.lastIndex = 0;
    return text.test(plain(message));
  }
}

/** @param {string} text */
function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|\/]/g, "\\$&");
}
