/** A line in its colours, with what is looked for marked. All of it is text, whatever it looks like. */

import { plain, spans } from "./ansi.js";
import { isLight } from "./colours.js";

const MOST_SPARE = 500;

/** Nodes that no line needs now: a node made anew for each line that is scrolled by lets memory grow. */
const spare = /** @type {Record<string, ChildNode[]>} */ ({ "#text": [], SPAN: [], MARK: [] });

/**
 * @param {string} message
 * @param {import("./filter.js").LogFilter} [filter] whose matches are marked
 * @returns {HTMLElement}
 */
export function textElement(message, filter) {
  const element = document.createElement("span");
  element.className = "log-text";
  write(element, message, filter);
  return element;
}

/**
 * Have an element say this line in place of another.
 *
 * @param {HTMLElement} element
 * @param {string} message
 * @param {import("./filter.js").LogFilter} [filter] whose matches are marked
 */
export function write(element, message, filter) {
  const marks = filter ? filter.matches(plain(message)) : [];
  let next = element.firstChild;
  let place = 0;
  for (const { text, style } of spans(message)) {
    for (const [part, isMarked] of parted(text, place, marks)) {
      const name = isMarked ? "MARK" : isPlain(style) ? "#text" : "SPAN";
      const node = put(element, next, name);
      if (name === "#text") node.nodeValue = part;
      else dress(/** @type {HTMLElement} */ (node), part, style, isMarked);
      next = node.nextSibling;
    }
    place += text.length;
  }
  while (next) {
    const after = next.nextSibling;
    take(next);
    next = after;
  }
}

/**
 * Have a node of this name where *next* is, which is that node where it can be.
 *
 * @param {HTMLElement} element
 * @param {ChildNode | null} next
 * @param {string} name
 */
function put(element, next, name) {
  if (next?.nodeName === name) return next;
  const node = spare[name].pop() ?? made(name);
  element.insertBefore(node, next);
  if (next) take(next);
  return node;
}

/** @param {string} name */
function made(name) {
  if (name === "#text") return document.createTextNode("");
  const element = document.createElement(name);
  element.append("");
  return element;
}

/** @param {ChildNode} node */
function take(node) {
  node.remove();
  const others = spare[node.nodeName];
  if (others.length < MOST_SPARE) others.push(node);
}

/**
 * Cut a text where marks begin and end.
 *
 * @param {string} text
 * @param {number} start of the text in its line
 * @param {[number, number][]} marks
 * @returns {[string, boolean][]} each part, and whether it is marked
 */
function parted(text, start, marks) {
  /** @type {[string, boolean][]} */
  const parts = [];
  let place = 0;
  for (const [from, to] of marks) {
    const [begin, end] = [Math.max(from - start, place), Math.min(to - start, text.length)];
    if (begin >= end) continue;
    if (begin > place) parts.push([text.slice(place, begin), false]);
    parts.push([text.slice(begin, end), true]);
    place = end;
  }
  if (place < text.length) parts.push([text.slice(place), false]);
  return parts;
}

/**
 * @param {HTMLElement} element that has one text
 * @param {string} text
 * @param {import("./ansi.js").Style} style
 * @param {boolean} isMarked
 */
function dress(element, text, style, isMarked) {
  /** @type {Text} */ (element.firstChild).nodeValue = text;
  element.className = classes(style);
  if (element.hasAttribute("style")) element.removeAttribute("style");
  if (isMarked) element.classList.add("log-mark");
  else colour(element, style);
}

/**
 * @param {HTMLElement} span
 * @param {import("./ansi.js").Style} style
 */
function colour(span, style) {
  const [front, back] = style.inverse
    ? [style.background, style.colour ?? "inverse"]
    : [style.colour, style.background];
  if (back !== undefined) colourBackground(span, front, back);
  else if (front !== undefined) colourText(span, front);
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
