/** Formats values for display. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "long" });
const dateTime = new Intl.DateTimeFormat("en-US", { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const date = new Intl.DateTimeFormat("en-US", { dateStyle: "medium" });
const timeOfDay = new Intl.DateTimeFormat("en-US", { timeStyle: "medium", hourCycle: "h23" });

/** "3 minutes ago" for an ISO time, relative to `now` in milliseconds. */
export function ago(time, now) {
  const passed = Math.max(0, now - Date.parse(time));
  if (passed < 5 * SECOND) return "just now";
  if (passed < MINUTE) return relative.format(-Math.floor(passed / SECOND), "second");
  if (passed < HOUR) return relative.format(-Math.floor(passed / MINUTE), "minute");
  if (passed < DAY) return relative.format(-Math.floor(passed / HOUR), "hour");
  if (passed < 30 * DAY) return relative.format(-Math.floor(passed / DAY), "day");
  return day(time);
}

/** "Nov 27, 2026, 15:04:41" */
export const fullTime = (time) => dateTime.format(new Date(time));

/** "Nov 27, 2026" */
export const day = (time) => date.format(new Date(time));

/** "15:04:41" */
export const clock = (time) => timeOfDay.format(new Date(time));

/** "0.4 s", "12 s", "3 min 5 s" or "2 h 10 min", from milliseconds. */
export function duration(milliseconds) {
  const left = Math.max(0, milliseconds);
  if (left < 10 * SECOND) return `${(Math.floor(left / 100) / 10).toFixed(1)} s`;
  if (left < MINUTE) return `${Math.floor(left / SECOND)} s`;
  if (left < HOUR) return inTwoUnits(left, MINUTE, "min", SECOND, "s");
  if (left < DAY) return inTwoUnits(left, HOUR, "h", MINUTE, "min");
  return inTwoUnits(left, DAY, "d", HOUR, "h");
}

/** "1,234" */
export const number = (value) => value.toLocaleString("en-US");

/** "512 B" or "1.2 MiB", from bytes. */
export function size(bytes) {
  const unit = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), SIZES.length - 1);
  return `${(bytes / 1024 ** unit).toLocaleString("en-US", { maximumFractionDigits: 1 })} ${SIZES[unit]}`;
}

/** "1 line", "2 lines" */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** "abc1234", the short hash of a commit. */
export const shortSha = (sha) => sha?.slice(0, 7) ?? "";

/** The first line of a message. */
export const firstLine = (message) => message?.split("\n", 1)[0] ?? "";

/** "example.com:8080", the host and port of a URL. */
export function hostOf(url) {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
}

/** "Health check path", from an API name such as `health_check_path`. */
export function words(name) {
  // The API spells the status "cancelled"; all other text is in American English.
  const text = String(name).replaceAll("_", " ").replace("cancelled", "canceled");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function inTwoUnits(left, large, largeName, small, smallName) {
  const rest = Math.floor((left % large) / small);
  const whole = `${Math.floor(left / large)} ${largeName}`;
  return rest ? `${whole} ${rest} ${smallName}` : whole;
}
