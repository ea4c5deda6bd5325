/** The time of the server, so that "3 seconds ago" is right even if this machine's clock is wrong. */
import { useEffect, useState } from "./html.js";

let offset = 0;

/** Set the clock by the `Date` header of a response, which has a resolution of one second. */
export function syncClock(date) {
  const time = Date.parse(date ?? "");
  if (Number.isNaN(time)) return;
  const difference = time + 500 - Date.now();
  offset = Math.abs(difference) < 2000 ? 0 : difference;
}

/** Return the time of the server in milliseconds. */
export const now = () => Date.now() + offset;

/** Return the time of the server, and render the component again every `step` milliseconds while the page is visible. */
export function useNow(step) {
  const [time, setTime] = useState(now);
  useEffect(() => {
    if (!step) return undefined;
    const tick = () => document.hidden || setTime(now());
    const timer = setInterval(tick, step);
    document.addEventListener("visibilitychange", tick);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", tick);
    };
  }, [step]);
  return time;
}
