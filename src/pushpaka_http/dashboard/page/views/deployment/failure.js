/** Why a deployment does not run, with the lines that matter. */
import { html, useLayoutEffect, useRef } from "../../lib/html.js";
import { Link } from "../../lib/router.js";
import { Icon } from "../../lib/ui.js";
import { LEVELS, STREAMS } from "../../log/store.js";
import { textElement } from "../../log/styled.js";

const MOST_LINES = 10;
const TITLES = { failed: "The deployment failed", crashed: "The application keeps ending" };

/**
 * @param {{deployment: object, store: import("../../log/store.js").LogStore, actions?: any}} props
 *   `store`: the log, as far as it is read
 */
export function Failure({ deployment, store, actions }) {
  const [sentence, ...below] = deployment.error.split("\n");
  const place = placeOf(store, sentence);
  const lines = (below.length ? below : linesBefore(store, place)).slice(-MOST_LINES);
  return html`
    <section class="failure" role="alert" aria-label="Why">
      <header>
        <${Icon} name="alert" />
        <div class="stack tight">
          <h2>${TITLES[deployment.status] ?? "It ended with an error"}</h2>
          <p>${withCode(sentence)}</p>
        </div>
      </header>
      ${lines.length > 0 && html`<${LastLines} lines=${lines} />`}
      <footer>
        ${actions}
        ${place !== null && html`<${Link} to=${`/deployments/${deployment.id}#L${store.seq(place)}`}>See it in the log<//>`}
      </footer>
    </section>
  `;
}

/** Lines in their colours, of which the last one is in sight however long they are. */
function LastLines({ lines }) {
  const box = useRef(null);
  useLayoutEffect(() => {
    box.current.replaceChildren(...lines.map((line) => textElement(line)));
    box.current.scrollTop = box.current.scrollHeight;
  }, [lines.join("\n")]);
  return html`<pre ref=${box} tabindex="0" aria-label="The last lines"></pre>`;
}

/** A sentence of the platform, in which what stands between backticks is code. */
function withCode(sentence) {
  return sentence.split("`").map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
}

/** Where in the log the platform says so; null where it is not there, or not read yet. */
function placeOf(store, sentence) {
  for (let place = store.end - 1; place >= store.first; place -= 1) {
    if (isError(store, place) && store.message(place) === sentence) return place;
  }
  return null;
}

/** What programs said last before the platform said why it ended. */
function linesBefore(store, end) {
  const lines = [];
  if (end === null) return lines;
  const phase = store.phase(end);
  for (let place = end - 1; place >= store.first && lines.length < MOST_LINES; place -= 1) {
    if (store.phase(place) !== phase) break;
    if (STREAMS[store.stream(place)] !== "system") lines.unshift(store.message(place));
  }
  return lines;
}

function isError(store, place) {
  return LEVELS[store.level(place)] === "error" && STREAMS[store.stream(place)] === "system";
}
