/** Renders log lines with their colors and with matches marked. All content is text, never markup. */

import { plain, spans } from "./ansi.js";
import { isLight } from "./colors.js";

const MAX_POOLED = 500;
const STYLES = ["bold", "dim", "italic", "underline", "strike"];

/** Unused nodes. Without reuse, scrolling would allocate nodes faster than browsers collect them. */
const pool = { "#text": [], SPAN: [], MARK: [] };

/** Return an element with the message of a line, in which the matches of a LogFilter are marked. */
export function textElement(message, filter) {
  const element = document.createElement("span");
  element.className = "log-text";
  write(element, message, filter);
  return element;
}

/** Replace the content of an element by the message of a line. */
export function write(element, message, filter) {
  const matches = filter ? filter.matches(plain(message)) : [];
  let next = element.firstChild;
  let start = 0;
  for (const { text, style } of spans(message)) {
    for (const [part, isMatch] of split(text, start, matches)) {
      const name = isMatch ? "MARK" : Object.keys(style).length ? "SPAN" : "#text";
      const node = insert(element, next, name);
      if (name === "#text") node.nodeValue = part;
      else fill(node, part, style, isMatch);
      next = node.nextSibling;
    }
    start += text.length;
  }
  while (next) {
    const after = next.nextSibling;
    release(next);
    next = after;
  }
}

/** Return a node with this name at the position of `next`, which is reused if it fits. */
function insert(element, next, name) {
  if (next?.nodeName === name) return next;
  const node = pool[name].pop() ?? create(name);
  element.insertBefore(node, next);
  if (next) release(next);
  return node;
}

function create(name) {
  if (name === "#text") return document.createTextNode("");
  const element = document.createElement(name);
  element.append("");
  return element;
}

function release(node) {
  node.remove();
  const nodes = pool[node.nodeName];
  if (nodes.length < MAX_POOLED) nodes.push(node);
}

/**
 * Split a text at the boundaries of matches.
 *
 * @param {string} text
 * @param {number} start the offset of the text in its line
 * @param {[number, number][]} matches
 * @returns {[string, boolean][]} each part, and whether it is a match
 */
function split(text, start, matches) {
  const parts = [];
  let done = 0;
  for (const [from, to] of matches) {
    const [begin, end] = [Math.max(from - start, done), Math.min(to - start, text.length)];
    if (begin >= end) continue;
    if (begin > done) parts.push([text.slice(done, begin), false]);
    parts.push([text.slice(begin, end), true]);
    done = end;
  }
  if (done < text.length) parts.push([text.slice(done), false]);
  return parts;
}

function fill(element, text, style, isMatch) {
  element.firstChild.nodeValue = text;
  element.className = STYLES.filter((name) => style[name]).map((name) => `log-${name}`).join(" ");
  if (element.hasAttribute("style")) element.removeAttribute("style");
  if (isMatch) element.classList.add("log-mark");
  else colorize(element, style);
}

function colorize(span, style) {
  const [front, back] = style.inverse
    ? [style.background, style.color ?? "inverse"]
    : [style.color, style.background];
  if (back !== undefined) colorBackground(span, front, back);
  else if (front !== undefined) colorText(span, front);
}

function colorText(span, color) {
  if (typeof color === "number") span.classList.add(`log-color-${color}`);
  else {
    span.classList.add("log-color");
    span.style.setProperty("--log-color", color);
  }
}

function colorBackground(span, front, back) {
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
