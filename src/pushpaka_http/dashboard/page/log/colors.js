/** Terminal colors. */

const LEVELS = [0, 95, 135, 175, 215, 255];

/**
 * A number for the 16 named colors, which follow the light or dark theme, or `#rrggbb`.
 *
 * @typedef {number | string} Color
 */

/** Return the color of an index in the palette of 256, or null. */
export function paletteColor(index) {
  if (!(index >= 0 && index <= 255)) return null;
  if (index < 16) return index;
  if (index >= 232) {
    const gray = 8 + 10 * (index - 232);
    return rgbColor(gray, gray, gray);
  }
  const cube = index - 16;
  return rgbColor(LEVELS[Math.floor(cube / 36)], LEVELS[Math.floor(cube / 6) % 6], LEVELS[cube % 6]);
}

/** Return the color of three components from 0 to 255, or null. */
export function rgbColor(red, green, blue) {
  const parts = [red, green, blue];
  if (!parts.every((part) => part >= 0 && part <= 255)) return null;
  return "#" + parts.map((part) => part.toString(16).padStart(2, "0")).join("");
}

/** Return true if black text on a `#rrggbb` color has more contrast than white (WCAG relative luminance). */
export function isLight(color) {
  const [red, green, blue] = [1, 3, 5].map((start) => linear(parseInt(color.slice(start, start + 2), 16)));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179;
}

function linear(part) {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}
