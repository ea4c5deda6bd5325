/** What time it is on the server, so that "3 seconds ago" is right on a machine that goes wrong. */
import { useEffect, useState } from "./html.js";

let ahead = 0;

/** Learn the server's time from the Date of an answer, which has whole seconds. */
export function tellTime(date) {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const difference = told + 500 - Date.now();
  ahead = Math.abs(difference) < 2000 ? 0 : difference;
}

/** The server's time now, in milliseconds. */
export const now = () => Date.now() + ahead;

/**
 * The server's time, in a component that is drawn again every `step` milliseconds.
 * Nothing ticks while the page is hidden.
 */
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
