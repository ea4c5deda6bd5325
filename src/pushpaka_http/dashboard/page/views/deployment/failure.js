/** The error of a deployment, with the relevant lines of its log. */
import { html, useLayoutEffect, useRef } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { databaseOf } from "../../lib/targets.js";
import { Icon, Prose } from "../../lib/ui.js";
import { LEVELS, STREAMS } from "../../log/store.js";
import { textElement } from "../../log/styled.js";
import { ActiveAgain, ROLLED_BACK, isRolledBack, reasonOf } from "./rolled_back.js";

const MAX_LINES = 10;
const TITLES = { failed: "Deployment failed", crashed: "The application keeps crashing" };
const SERVER_TITLES = { failed: "The database server could not be started", crashed: "The database server keeps crashing" };

/** @param {{deployment: object, store: import("../../log/store.js").LogStore}} props */
export function Failure({ deployment, store }) {
  const details = deployment.error.split("\n").slice(1);
  const reason = reasonOf(deployment);
  const position = positionOf(store, reason);
  const lines = (details.length ? details : linesBefore(store, position)).slice(-MAX_LINES);
  const titles = databaseOf(deployment) ? SERVER_TITLES : TITLES;
  const title = isRolledBack(deployment) ? ROLLED_BACK : (titles[deployment.status] ?? "The deployment ended with an error");
  return html`
    <section class="failure" role="alert" aria-label="Error">
      <header>
        <${Icon} name="alert" />
        <div class="stack tight">
          <h2>${title}</h2>
          <p><${Prose} text=${reason} /> ${isRolledBack(deployment) && html`<${ActiveAgain} deployment=${deployment} />`}</p>
        </div>
      </header>
      ${lines.length > 0 && html`<${LastLines} lines=${lines} />`}
      <footer>${position !== null && html`<${Link} to=${`/deployments/${deployment.id}#L${store.seq(position)}`}>Show in log<//>`}</footer>
    </section>
  `;
}

/** Colored lines, scrolled to the last one. */
function LastLines({ lines }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    box.current.replaceChildren(...lines.map((line) => textElement(line)));
    box.current.scrollTop = box.current.scrollHeight;
  }, [lines.join("\n")]);
  return html`<pre ref=${box} tabindex="0" aria-label="Last lines of the log"></pre>`;
}

/** Return the position in the log where the platform reports the error, or null. The log may lack the remedy. */
function positionOf(store, reason) {
  for (let position = store.end - 1; position >= store.first; position -= 1) {
    const message = store.message(position);
    if (isError(store, position) && message !== "" && reason.startsWith(message)) return position;
  }
  return null;
}

/** Return the last output of the same phase before the error. */
function linesBefore(store, end) {
  const lines = [];
  if (end === null) return lines;
  const phase = store.phase(end);
  for (let position = end - 1; position >= store.first && lines.length < MAX_LINES; position -= 1) {
    if (store.phase(position) !== phase) break;
    if (STREAMS[store.stream(position)] !== "system") lines.unshift(store.message(position));
  }
  return lines;
}

function isError(store, position) {
  return LEVELS[store.level(position)] === "error" && STREAMS[store.stream(position)] === "system";
}
