/** How values are written for people. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });
const absolute = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const byDay = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });
const inDay = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

/** "3 minutes ago", of a time of the API as it is at `now` (milliseconds). */
export function ago(time, now) {
  const passed = Math.max(0, now - Date.parse(time));
  if (passed < 5 * SECOND) return "just now";
  if (passed < MINUTE) return relative.format(-Math.floor(passed / SECOND), "second");
  if (passed < HOUR) return relative.format(-Math.floor(passed / MINUTE), "minute");
  if (passed < DAY) return relative.format(-Math.floor(passed / HOUR), "hour");
  if (passed < 30 * DAY) return relative.format(-Math.floor(passed / DAY), "day");
  return byDay.format(new Date(time));
}

/** "27 Nov 2026, 15:04:41" */
export const fullTime = (time) => absolute.format(new Date(time));

/** "27 Nov 2026" */
export const day = (time) => byDay.format(new Date(time));

/** "15:04:41" */
export const clock = (time) => inDay.format(new Date(time));

/** "0.4 s", "12 s", "3 min 5 s", "2 h 10 min", of milliseconds. */
export function duration(milliseconds) {
  const left = Math.max(0, milliseconds);
  if (left < 10 * SECOND) return `${(Math.floor(left / 100) / 10).toFixed(1)} s`;
  if (left < MINUTE) return `${Math.floor(left / SECOND)} s`;
  if (left < HOUR) return inTwo(left, MINUTE, "min", SECOND, "s");
  if (left < DAY) return inTwo(left, HOUR, "h", MINUTE, "min");
  return inTwo(left, DAY, "d", HOUR, "h");
}

/** "1,234" */
export const number = (value) => value.toLocaleString("en");

/** "1 line", "2 lines" */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** "abc1234", of a commit. */
export const shortSha = (sha) => sha?.slice(0, 7) ?? "";

/** The first line of a commit's message. */
export const subject = (message) => message?.split("\n", 1)[0] ?? "";

/** "example.com", of an address, with its port where it has one. */
export function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** "Building", of a word of the API as `building` or `health_check_path`. */
export function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function inTwo(left, large, largeName, small, smallName) {
  const rest = Math.floor((left % large) / small);
  const whole = `${Math.floor(left / large)} ${largeName}`;
  return rest ? `${whole} ${rest} ${smallName}` : whole;
}
