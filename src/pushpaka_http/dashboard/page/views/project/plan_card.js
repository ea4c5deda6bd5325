/** What a deployment would do now, each choice with who made it, and why. */
import { html } from "../../lib/html.js";
import { Badge, Card, Commit, Facts, Note } from "../../lib/ui.js";

const ORIGINS = {
  project: { label: "chosen here", tone: "busy" },
  "pushpaka.toml": { label: "pushpaka.toml", tone: "good" },
  Procfile: { label: "Procfile", tone: "good" },
  detected: { label: "detected", tone: "idle" },
  default: { label: "usual", tone: "idle" },
};

export function PlanCard({ plan, actions }) {
  return html`
    <${Card} title="What is detected" hint=${html`<${Commit} of=${plan} />`} actions=${actions}>
      <div class="stack">
        ${
          plan.env.missing.length > 0 &&
          html`<${Note} kind="bad"><p><strong>A deployment would fail:</strong> ${plan.env.missing.join(", ")} must be set first.</p><//>`
        }
        <${Facts} facts=${factsOf(plan)} />
        <${Reasons} plan=${plan} />
      </div>
    <//>
  `;
}

function factsOf(plan) {
  return [
    ["Framework", html`<${Chosen} value=${plan.framework} origin=${plan.framework_origin} />`],
    ["Language", [plan.language, plan.language_version].filter(Boolean).join(" ")],
    ["Packages by", plan.package_manager && [plan.package_manager, plan.package_manager_version].filter(Boolean).join(" ")],
    ["Install", plan.install && html`<${Chosen} value=${plan.install.command} origin=${plan.install.origin} />`],
    ...plan.build.map(({ command, origin }) => ["Build", html`<${Chosen} value=${command} origin=${origin} />`]),
    ...Object.entries(plan.processes).map(([name, { command, origin }]) => [name, html`<${Chosen} value=${command} origin=${origin} />`]),
    ["Files of", plan.static && html`<${Chosen} value=${plan.static.directory} origin=${plan.static.origin} />`],
    ["Only for", plan.watch_paths.length > 0 && html`<code>${plan.watch_paths.join(", ")}</code>`],
    ["Not set", plan.env.unset.length > 0 && html`<span><code>${plan.env.unset.join(", ")}</code> <span class="hint">read by the code</span></span>`],
  ];
}

function Chosen({ value, origin }) {
  const { label, tone } = ORIGINS[origin];
  return html`<span class="row"><code>${value}</code><${Badge} tone=${tone}>${label}<//></span>`;
}

function Reasons({ plan }) {
  return html`
    <details>
      <summary>Why</summary>
      <ul class="reasons">
        ${plan.evidence.map(({ reason, path, line }) => html`<li>${reason}${path && html` <code>${path}${line && `:${line}`}</code>`}</li>`)}
        ${plan.rejected.map(({ framework, reason }) => html`<li class="hint">Not ${framework}: ${reason}</li>`)}
      </ul>
    </details>
  `;
}
