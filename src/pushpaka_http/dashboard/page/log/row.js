/** Lines and headings as elements. All of a line is text, whatever it looks like. */

import { plain, spans } from "./ansi.js";
import { isLight } from "./colours.js";
import { LEVELS, PHASES, STREAMS } from "./store.js";

const PHASE_NAMES = {
  source: "Source",
  build: "Build",
  release: "Release",
  start: "Start",
  switch: "Switch",
  run: "Run",
};

/**
 * @param {import("./store.js").LogStore} store
 * @param {number} place
 * @param {import("./filter.js").LogFilter} filter whose matches are marked
 * @param {string} href of the line
 * @returns {HTMLElement}
 */
export function lineElement(store, place, filter, href) {
  const row = element("div", "log-line");
  row.dataset.level = LEVELS[store.level(place)];
  row.dataset.stream = STREAMS[store.stream(place)];
  row.append(numberElement(store.seq(place), href), timeElement(store.time(place)));
  row.append(textElement(store.message(place), filter));
  return row;
}

/**
 * @param {import("./store.js").LogStore} store
 * @param {number} place of the first line below it
 * @returns {HTMLElement}
 */
export function headingElement(store, place) {
  const heading = element("div", "log-phase");
  heading.setAttribute("role", "heading");
  heading.setAttribute("aria-level", "3");
  const phase = /** @type {keyof typeof PHASE_NAMES} */ (PHASES[store.phase(place)]);
  heading.append(element("span", "log-phase-name", PHASE_NAMES[phase]));
  return heading;
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
 * The text of a line in its colours, with what is looked for marked.
 *
 * @param {string} message
 * @param {import("./filter.js").LogFilter} [filter]
 * @returns {HTMLElement}
 */
export function textElement(message, filter) {
  const text = element("span", "log-text");
  const marks = filter ? filter.matches(plain(message)) : [];
  let place = 0;
  for (const span of spans(message)) {
    const parts = marked(span.text, place, marks);
    text.append(isPlain(span.style) ? parts : styledElement(span.style, parts));
    place += span.text.length;
  }
  return text;
}

/**
 * @param {number} seq
 * @param {string} href
 */
function numberElement(seq, href) {
  const number = /** @type {HTMLAnchorElement} */ (element("a", "log-seq", String(seq)));
  number.href = href;
  number.tabIndex = -1;
  number.dataset.seq = String(seq);
  number.setAttribute("aria-label", `Line ${seq}`);
  return number;
}

/** @param {number} milliseconds */
function timeElement(milliseconds) {
  const at = new Date(milliseconds);
  const parts = [at.getHours(), at.getMinutes(), at.getSeconds()];
  const time = element("span", "log-time", parts.map((part) => String(part).padStart(2, "0")).join(":"));
  time.title = at.toLocaleString();
  return time;
}

/**
 * @param {string} text
 * @param {number} start of the text in its line
 * @param {[number, number][]} marks
 */
function marked(text, start, marks) {
  const parts = document.createDocumentFragment();
  let place = 0;
  for (const [from, to] of marks) {
    const [begin, end] = [Math.max(from - start, place), Math.min(to - start, text.length)];
    if (begin >= end) continue;
    parts.append(text.slice(place, begin), element("mark", "log-mark", text.slice(begin, end)));
    place = end;
  }
  parts.append(text.slice(place));
  return parts;
}

/**
 * @param {import("./ansi.js").Style} style
 * @param {Node} content
 */
function styledElement(style, content) {
  const span = element("span", classes(style));
  const [front, back] = style.inverse
    ? [style.background, style.colour ?? "inverse"]
    : [style.colour, style.background];
  if (back !== undefined) colourBackground(span, front, back);
  else if (front !== undefined) colourText(span, front);
  span.append(content);
  return span;
}

/**
 * @param {HTMLElement} span
 * @param {import("./colours.js").Colour} colour
 */
function colourText(span, colour) {
  if (typeof colour === "number") span.classList.add(`log-colour-${colour}`);
  else {
    span.classList.add("log-colour");
    span.style.setProperty("--log-colour", colour);
  }
}

/**
 * @param {HTMLElement} span
 * @param {import("./colours.js").Colour | undefined} front
 * @param {import("./colours.js").Colour} back
 */
function colourBackground(span, front, back) {
  if (back === "inverse") {
    span.classList.add("log-inverse");
    return;
  }
  if (typeof back === "number") span.classList.add(`log-back-${back}`);
  else {
    span.style.backgroundColor = back;
    span.style.color = isLight(back) ? "#000" : "#fff";
  }
  if (typeof front === "number") span.classList.add(`log-on-${front}`);
  else if (front !== undefined) span.style.color = front;
}

/** @param {import("./ansi.js").Style} style */
function classes(style) {
  const names = /** @type {const} */ (["bold", "dim", "italic", "underline", "strike"]);
  return names.filter((name) => style[name]).map((name) => `log-${name}`).join(" ");
}

/** @param {import("./ansi.js").Style} style */
function isPlain(style) {
  return Object.keys(style).length === 0;
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
