/** Whether the page is told of what happens: said when it is not, and when it is again. */
import { useCell } from "../lib/cell.js";
import { connection, holdConnection } from "../lib/events.js";
import { html, useEffect, useState } from "../lib/html.js";

/** What comes back at once, as a server that is started anew, is nobody's business. */
const PATIENCE = 2000;
const SHOWN_FOR = 3000;

/** Holds the connection for all views, and stands at the edge of the page while it is lost. */
export function Connection() {
  const { isLost, reason } = useCell(connection);
  const [said, setSaid] = useState(null);

  useEffect(holdConnection, []);

  useEffect(() => {
    if (!isLost && said === null) return undefined;
    const next = isLost ? "lost" : said === "lost" ? "back" : null;
    if (next === "back") setSaid(next);
    const timer = setTimeout(() => setSaid(isLost ? "lost" : null), isLost ? PATIENCE : SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [isLost]);

  const text = said === "lost" ? (reason ?? "Connection lost. Trying again…") : "Connected again.";
  return html`
    <div class="connection ${said ?? ""}" role="status">
      ${said && html`<i aria-hidden="true"></i><span>${text}</span>`}
    </div>
  `;
}
