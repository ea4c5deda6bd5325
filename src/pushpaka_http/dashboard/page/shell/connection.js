/** The state of the live connection, shown while it is lost and when it is back. */
import { connection, keepConnected } from "../lib/events.js";
import { html, useEffect, useState } from "../lib/html.js";
import { useObservable } from "../lib/observable.js";

/** Shorter interruptions, such as a restart of the server, are not shown. */
const SHOW_AFTER = 2000;
const HIDE_AFTER = 3000;

export function Connection() {
  const { isLost, reason } = useObservable(connection);
  const [shown, setShown] = useState(null);

  useEffect(keepConnected, []);

  useEffect(() => {
    if (!isLost && shown === null) return undefined;
    if (!isLost && shown === "lost") setShown("back");
    const timer = setTimeout(() => setShown(isLost ? "lost" : null), isLost ? SHOW_AFTER : HIDE_AFTER);
    return () => clearTimeout(timer);
  }, [isLost]);

  const text = shown === "lost" ? (reason ?? "Connection lost. Reconnecting…") : "Connected again.";
  return html`
    <div class="connection ${shown ?? ""}" role="status">
      ${shown && html`<i aria-hidden="true"></i><span>${text}</span>`}
    </div>
  `;
}
