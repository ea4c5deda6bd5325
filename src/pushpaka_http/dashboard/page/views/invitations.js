/** Teams that somebody is invited into. */
import { api } from "../lib/api.js";
import { day } from "../lib/format.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { Ago, Badge, Button, Card, Empty, PageHead, Problem, Skeleton, toast } from "../lib/ui.js";

const MAY = {
  viewer: "You would see its deployments, logs and settings.",
  member: "You would see its deployments, logs and settings, deploy it, and change how.",
};

export default function Invitations() {
  const invitations = useResource("/invitations");
  const all = invitations.data?.data;

  const forget = (id) => invitations.set({ data: all.filter((each) => each.id !== id) });
  return html`
    <${PageHead} title="Invitations" />
    <div class="stack">
      ${invitations.error && html`<${Problem} error=${invitations.error} retry=${invitations.reload} />`}
      ${!all && !invitations.error && html`<${Skeleton} lines=${2} height=${88} />`}
      ${all?.length === 0 && html`<${None} />`}
      ${all?.map((invitation) => html`<${Invitation} key=${invitation.id} of=${invitation} onAnswered=${() => forget(invitation.id)} />`)}
    </div>
  `;
}

function Invitation({ of: invitation, onAnswered }) {
  const { id, project_id: project, project_name: name, role, invited_by: owner } = invitation;
  const accept = async () => {
    await api.post(`/invitations/${id}/accept`);
    onAnswered();
    toast.say(`You are in the team of ${name}.`);
    navigate(`/projects/${project}`);
  };
  const decline = async () => {
    await api.delete(`/invitations/${id}`);
    onAnswered();
    toast.say(`You have declined to join ${name}.`);
  };
  return html`
    <${Card}>
      <div class="row apart invitation">
        <div class="stack tight">
          <h2>${name} <${Badge}>${role}<//></h2>
          <p>${MAY[role]}</p>
          <p class="hint">From ${owner}, <${Ago} time=${invitation.created_at} />. Good until ${day(invitation.expires_at)}.</p>
        </div>
        <div class="row">
          <${Button} label=${`Decline to join ${name}`} onClick=${decline}>Decline<//>
          <${Button} kind="primary" label=${`Join ${name}`} onClick=${accept}>Join<//>
        </div>
      </div>
    <//>
  `;
}

function None() {
  return html`
    <${Empty} title="No invitations" icon="user" action=${html`<${Button} to="/">Go to the projects<//>`}>
      When the owner of a project invites you by your e-mail address, it is shown here.
    <//>
  `;
}
