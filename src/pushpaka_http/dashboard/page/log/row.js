/** Lines and headings as elements. */

import { LEVELS, PHASES, STREAMS } from "./store.js";
import { write } from "./styled.js";

const PHASE_NAMES = {
  source: "Source",
  build: "Build",
  release: "Release",
  start: "Start",
  switch: "Switch",
  run: "Run",
};

/** The elements of a line, which show one after the other. */
export class LineRow {
  element = element("div", "log-line");
  #number = /** @type {HTMLAnchorElement} */ (element("a", "log-seq", " "));
  #time = element("span", "log-time", " ");
  #text = element("span", "log-text");

  constructor() {
    this.#number.tabIndex = -1;
    this.element.append(this.#number, this.#time, this.#text);
  }

  /**
   * Show a line in place of another.
   *
   * @param {import("./store.js").LogStore} store
   * @param {number} place
   * @param {object} more
   * @param {import("./filter.js").LogFilter} more.filter whose matches are marked
   * @param {string} more.href of the line
   * @param {boolean} more.isPointed whether it is one of those that are meant
   */
  show(store, place, { filter, href, isPointed }) {
    this.element.dataset.level = LEVELS[store.level(place)];
    this.element.dataset.stream = STREAMS[store.stream(place)];
    this.element.classList.toggle("log-pointed", isPointed);
    this.#showNumber(store.seq(place), href);
    this.#showTime(store.time(place));
    write(this.#text, store.message(place), filter);
  }

  /**
   * @param {number} seq
   * @param {string} href
   */
  #showNumber(seq, href) {
    say(this.#number, String(seq));
    this.#number.href = href;
    this.#number.setAttribute("aria-label", `Line ${seq}`);
  }

  /** @param {number} milliseconds */
  #showTime(milliseconds) {
    const at = new Date(milliseconds);
    const parts = [at.getHours(), at.getMinutes(), at.getSeconds()];
    say(this.#time, parts.map((part) => String(part).padStart(2, "0")).join(":"));
    this.#time.title = at.toLocaleString();
  }
}

/** The name of a phase above its lines. */
export class HeadingRow {
  element = element("div", "log-phase");

  /** @param {number} phase its place in PHASES */
  constructor(phase) {
    const name = PHASE_NAMES[/** @type {keyof typeof PHASE_NAMES} */ (PHASES[phase])];
    this.element.setAttribute("role", "heading");
    this.element.setAttribute("aria-level", "3");
    this.element.append(element("span", "log-phase-name", name));
  }
}

/**
 * A line that nobody sees, by which the height of a line and the width of a letter are taken.
 *
 * @returns {HTMLElement}
 */
export function rulerElement() {
  const ruler = element("div", "log-line log-ruler");
  const text = element("span", "log-text");
  text.append(element("span", "", "0".repeat(50)));
  ruler.append(element("span", "log-seq"), element("span", "log-time"), text);
  ruler.setAttribute("aria-hidden", "true");
  return ruler;
}

/**
 * @param {HTMLElement} element that has one text
 * @param {string} text
 */
function say(element, text) {
  const node = /** @type {Text} */ (element.firstChild);
  if (node.nodeValue !== text) node.nodeValue = text;
}

/**
 * @param {string} name
 * @param {string} className
 * @param {string} [text]
 * @returns {HTMLElement}
 */
function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}
