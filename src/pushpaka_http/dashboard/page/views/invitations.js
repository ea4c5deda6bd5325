/** Invitations that the user has received. */
import { api } from "../lib/api.js";
import { day } from "../lib/format.js";
import { html } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { navigate } from "../lib/router.js";
import { Badge, Button, Card, Empty, Loaded, PageHead, TimeAgo, toast } from "../lib/ui.js";

const PERMISSIONS = {
  viewer: "You can view the project's deployments, logs and settings.",
  member: "You can view and deploy the project, and change its settings.",
};

export default function Invitations() {
  const invitations = useResource("/invitations");
  const drop = (id) => invitations.set(({ data }) => ({ data: data.filter((each) => each.id !== id) }));
  return html`
    <${PageHead} title="Invitations" />
    <div class="stack">
      <${Loaded} resource=${invitations} height=${88}>
        ${({ data }) => (data.length ? data.map((each) => html`<${Invitation} key=${each.id} of=${each} onAnswered=${() => drop(each.id)} />`) : html`<${None} />`)}
      <//>
    </div>
  `;
}

function Invitation({ of: invitation, onAnswered }) {
  const { id, project_id: project, project_name: name, role, invited_by: owner } = invitation;
  const accept = async () => {
    await api.post(`/invitations/${id}/accept`);
    onAnswered();
    toast.success(`You joined ${name}.`);
    navigate(`/projects/${project}`);
  };
  const decline = async () => {
    await api.delete(`/invitations/${id}`);
    onAnswered();
    toast.success(`You declined the invitation to ${name}.`);
  };
  return html`
    <${Card}>
      <div class="row apart invitation">
        <div class="stack tight">
          <h2>${name} <${Badge}>${role}<//></h2>
          <p>${PERMISSIONS[role]}</p>
          <p class="hint">From ${owner}, <${TimeAgo} time=${invitation.created_at} />. Expires ${day(invitation.expires_at)}.</p>
        </div>
        <div class="row">
          <${Button} label=${`Decline the invitation to ${name}`} onClick=${decline}>Decline<//>
          <${Button} kind="primary" label=${`Join ${name}`} onClick=${accept}>Join<//>
        </div>
      </div>
    <//>
  `;
}

function None() {
  return html`
    <${Empty} title="No invitations" icon="user" action=${html`<${Button} to="/">Go to projects<//>`}>
      When a project owner invites your email address, the invitation appears here.
    <//>
  `;
}
