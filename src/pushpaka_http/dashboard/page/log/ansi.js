/** From a line as a program wrote it to text in styles: of what a terminal obeys, only colours are. */

import { ofPalette, ofParts } from "./colours.js";

const CONTROL = new RegExp(
  [
    "\\x1b\\[([0-?]*)[ -/]*([@-~])?", // CSI: colours, and movements of the cursor
    "\\x1b[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?", // OSC and others that bring a text along
    "\\x1b[ -/]*[0-~]?",
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]",
  ].join("|"),
  "g",
);
const SUSPECT = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;

/**
 * How a part of a line looks.
 *
 * @typedef {object} Style
 * @property {boolean} [bold]
 * @property {boolean} [dim]
 * @property {boolean} [italic]
 * @property {boolean} [underline]
 * @property {boolean} [strike]
 * @property {boolean} [inverse]
 * @property {import("./colours.js").Colour} [colour]
 * @property {import("./colours.js").Colour} [background]
 *
 * @typedef {{text: string, style: Style}} Span
 */

/** @type {Style} */
const PLAIN = Object.freeze({});

/**
 * The text of a line without anything that a terminal obeys.
 *
 * @param {string} line
 * @returns {string}
 */
export function plain(line) {
  return SUSPECT.test(line) ? lastOverwritten(line).replace(CONTROL, "") : line;
}

/**
 * A line as parts that each have one style.
 *
 * @param {string} line
 * @returns {Span[]}
 */
export function spans(line) {
  if (!SUSPECT.test(line)) return line ? [{ text: line, style: PLAIN }] : [];
  const written = lastOverwritten(line);
  /** @type {Span[]} */
  const found = [];
  let style = PLAIN;
  let place = 0;
  for (const control of written.matchAll(CONTROL)) {
    add(found, written.slice(place, control.index), style);
    place = control.index + control[0].length;
    if (control[2] === "m") style = restyled(style, control[1]);
  }
  add(found, written.slice(place), style);
  return found;
}

/**
 * What is left of a line whose program went back to its beginning, as progress bars do.
 *
 * @param {string} line
 */
function lastOverwritten(line) {
  const whole = line.replace(/[\r\n]+$/, "");
  return whole.slice(whole.lastIndexOf("\r") + 1);
}

/**
 * @param {Span[]} found
 * @param {string} text
 * @param {Style} style
 */
function add(found, text, style) {
  const last = found.at(-1);
  if (!text) return;
  if (last && last.style === style) last.text += text;
  else found.push({ text, style });
}

/**
 * @param {Style} style
 * @param {string} parameters
 * @returns {Style}
 */
function restyled(style, parameters) {
  const codes = parameters.split(";");
  let next = { ...style };
  while (codes.length) {
    const code = codes.shift() ?? "";
    const number = Number.parseInt(code || "0", 10);
    if (number === 0) next = {};
    else if (number === 38) setColour(next, "colour", extended(code, codes));
    else if (number === 48) setColour(next, "background", extended(code, codes));
    else apply(next, number);
  }
  return Object.keys(next).length ? next : PLAIN;
}

/**
 * @param {Style} style
 * @param {number} code
 */
function apply(style, code) {
  if (code === 1) style.bold = true;
  else if (code === 2) style.dim = true;
  else if (code === 3) style.italic = true;
  else if (code === 4 || code === 21) style.underline = true;
  else if (code === 7) style.inverse = true;
  else if (code === 9) style.strike = true;
  else if (code === 22) delete style.bold, delete style.dim;
  else if (code === 23) delete style.italic;
  else if (code === 24) delete style.underline;
  else if (code === 27) delete style.inverse;
  else if (code === 29) delete style.strike;
  else if (code === 39) delete style.colour;
  else if (code === 49) delete style.background;
  else if (code >= 30 && code <= 37) style.colour = code - 30;
  else if (code >= 40 && code <= 47) style.background = code - 40;
  else if (code >= 90 && code <= 97) style.colour = code - 82;
  else if (code >= 100 && code <= 107) style.background = code - 92;
}

/**
 * @param {Style} style
 * @param {"colour" | "background"} name
 * @param {import("./colours.js").Colour | null} colour
 */
function setColour(style, name, colour) {
  if (colour !== null) style[name] = colour;
}

/**
 * The colour that follows 38 or 48: `5;n` or `2;r;g;b`, or the same with colons.
 *
 * @param {string} code
 * @param {string[]} rest from which is taken what belongs to it
 */
function extended(code, rest) {
  const parts = code.includes(":") ? code.split(":").slice(1) : rest.splice(0, rest[0] === "2" ? 4 : 2);
  const [kind, ...numbers] = parts;
  if (kind === "5") return ofPalette(Number(numbers[0] || NaN));
  const [red, green, blue] = numbers.slice(-3).map((part) => Number(part || NaN));
  return kind === "2" && numbers.length >= 3 ? ofParts(red, green, blue) : null;
}
