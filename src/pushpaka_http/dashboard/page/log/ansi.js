/** Parses terminal control sequences. Colors and styles are kept, all other sequences are dropped. */

import { paletteColor, rgbColor } from "./colors.js";

const CONTROL = new RegExp(
  [
    "\\x1b\\[([0-?]*)[ -/]*([@-~])?", // CSI: colors and cursor movements
    "\\x1b[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)?", // OSC and other sequences with a text
    "\\x1b[ -/]*[0-~]?",
    "[\\x00-\\x08\\x0a-\\x1f\\x7f-\\x9f]",
  ].join("|"),
  "g",
);
const HAS_CONTROL = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;

/** The SGR codes that set and reset a style. */
const SET = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike", 21: "underline" };
const RESET = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"], 39: ["color"], 49: ["background"] };

/**
 * @typedef {object} Style
 * @property {boolean} [bold] and likewise `dim`, `italic`, `underline`, `strike` and `inverse`
 * @property {import("./colors.js").Color} [color]
 * @property {import("./colors.js").Color} [background]
 */

/** @type {Style} */
const PLAIN = Object.freeze({});

/** Return a line without control sequences. */
export function plain(line) {
  return HAS_CONTROL.test(line) ? afterLastReturn(line).replace(CONTROL, "") : line;
}

/**
 * Return the parts of a line with their styles.
 *
 * @returns {{text: string, style: Style}[]}
 */
export function spans(line) {
  if (!HAS_CONTROL.test(line)) return line ? [{ text: line, style: PLAIN }] : [];
  const visible = afterLastReturn(line);
  const found = [];
  let style = PLAIN;
  let start = 0;
  for (const control of visible.matchAll(CONTROL)) {
    add(found, visible.slice(start, control.index), style);
    start = control.index + control[0].length;
    if (control[2] === "m") style = restyled(style, control[1]);
  }
  add(found, visible.slice(start), style);
  return found;
}

/** Return the text after the last carriage return, by which progress bars overwrite a line. */
function afterLastReturn(line) {
  const whole = line.replace(/[\r\n]+$/, "");
  return whole.slice(whole.lastIndexOf("\r") + 1);
}

function add(found, text, style) {
  const last = found.at(-1);
  if (!text) return;
  if (last && last.style === style) last.text += text;
  else found.push({ text, style });
}

function restyled(style, parameters) {
  const codes = parameters.split(";");
  let next = { ...style };
  while (codes.length) {
    const code = codes.shift() ?? "";
    const number = Number.parseInt(code || "0", 10);
    if (number === 0) next = {};
    else if (number === 38 || number === 48) {
      const color = extendedColor(code, codes);
      if (color !== null) next[number === 38 ? "color" : "background"] = color;
    } else apply(next, number);
  }
  return Object.keys(next).length ? next : PLAIN;
}

function apply(style, code) {
  if (code in SET) style[SET[code]] = true;
  else if (code in RESET) for (const name of RESET[code]) delete style[name];
  else if (code >= 30 && code <= 37) style.color = code - 30;
  else if (code >= 40 && code <= 47) style.background = code - 40;
  else if (code >= 90 && code <= 97) style.color = code - 82;
  else if (code >= 100 && code <= 107) style.background = code - 92;
}

/** Return the color after code 38 or 48: `5;n` or `2;r;g;b`, also with colons. Removes it from `rest`. */
function extendedColor(code, rest) {
  const parts = code.includes(":") ? code.split(":").slice(1) : rest.splice(0, rest[0] === "2" ? 4 : 2);
  const [kind, ...numbers] = parts;
  if (kind === "5") return paletteColor(Number(numbers[0] || NaN));
  const [red, green, blue] = numbers.slice(-3).map((part) => Number(part || NaN));
  return kind === "2" && numbers.length >= 3 ? rgbColor(red, green, blue) : null;
}
