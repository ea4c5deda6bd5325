/** The elements of lines and headings. */

import { words } from "../lib/format.js";
import { LEVELS, PHASES, STREAMS } from "./store.js";
import { write } from "./styled.js";

/** A line. Its elements are reused for other lines. */
export class LineRow {
  element = element("div", "log-line");
  #number = element("a", "log-seq", " ");
  #time = element("span", "log-time", " ");
  #text = element("span", "log-text");

  constructor() {
    this.#number.tabIndex = -1;
    this.element.append(this.#number, this.#time, this.#text);
  }

  /** Show the line at a position of the store, with the matches of a LogFilter marked. */
  show(store, position, { filter, href, isSelected }) {
    this.element.dataset.level = LEVELS[store.level(position)];
    this.element.dataset.stream = STREAMS[store.stream(position)];
    this.element.classList.toggle("log-selected", isSelected);
    this.#showNumber(store.seq(position), href);
    this.#showTime(store.time(position));
    write(this.#text, store.message(position), filter);
  }

  #showNumber(seq, href) {
    setText(this.#number, String(seq));
    this.#number.href = href;
    this.#number.setAttribute("aria-label", `Line ${seq}`);
  }

  #showTime(milliseconds) {
    const time = new Date(milliseconds);
    const parts = [time.getHours(), time.getMinutes(), time.getSeconds()];
    setText(this.#time, parts.map((part) => String(part).padStart(2, "0")).join(":"));
    this.#time.title = time.toLocaleString("en-US");
  }
}

/** The heading above the lines of a phase, given by its index in PHASES. */
export class HeadingRow {
  element = element("div", "log-phase");

  constructor(phase) {
    this.element.setAttribute("role", "heading");
    this.element.setAttribute("aria-level", "3");
    this.element.append(element("span", "log-phase-name", words(PHASES[phase])));
  }
}

/** Return an invisible line, by which the height of a row and the width of a character are measured. */
export function rulerElement() {
  const ruler = element("div", "log-line log-ruler");
  const text = element("span", "log-text");
  text.append(element("span", "", "0".repeat(50)));
  ruler.append(element("span", "log-seq"), element("span", "log-time"), text);
  ruler.setAttribute("aria-hidden", "true");
  return ruler;
}

function setText({ firstChild: node }, text) {
  if (node.nodeValue !== text) node.nodeValue = text;
}

function element(name, className, text) {
  const created = document.createElement(name);
  if (className) created.className = className;
  if (text !== undefined) created.textContent = text;
  return created;
}
