/** The colours that a program may ask a terminal for, as a page can show them. */

const LEVELS = [0, 95, 135, 175, 215, 255];

/**
 * A colour: one of the 16 that have names, which follow the page's light or dark,
 * or any other as `#rrggbb`.
 *
 * @typedef {number | string} Colour
 */

/**
 * The colour of a number of the palette of 256; null where there is none.
 *
 * @param {number} index
 * @returns {Colour | null}
 */
export function ofPalette(index) {
  if (!(index >= 0 && index <= 255)) return null;
  if (index < 16) return index;
  if (index >= 232) {
    const grey = 8 + 10 * (index - 232);
    return ofParts(grey, grey, grey);
  }
  const place = index - 16;
  return ofParts(LEVELS[Math.floor(place / 36)], LEVELS[Math.floor(place / 6) % 6], LEVELS[place % 6]);
}

/**
 * The colour of three parts from 0 to 255; null where one is none.
 *
 * @param {number} red
 * @param {number} green
 * @param {number} blue
 * @returns {Colour | null}
 */
export function ofParts(red, green, blue) {
  const parts = [red, green, blue];
  if (!parts.every((part) => part >= 0 && part <= 255)) return null;
  return "#" + parts.map((part) => part.toString(16).padStart(2, "0")).join("");
}

/**
 * Whether black can be read on a colour better than white.
 *
 * @param {string} colour as `#rrggbb`
 * @returns {boolean}
 */
export function isLight(colour) {
  const [red, green, blue] = [1, 3, 5].map((place) => linear(parseInt(colour.slice(place, place + 2), 16)));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
}

/** @param {number} part */
function linear(part) {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
