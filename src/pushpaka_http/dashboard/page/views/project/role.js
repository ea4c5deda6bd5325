/** The role of a member, to be chosen anew; it is shown at once, and as it was where that fails. */
import { api } from "../../lib/api.js";
import { html } from "../../lib/html.js";
import { Icon, toast } from "../../lib/ui.js";

export function Role({ member, path, put }) {
  const change = async (event) => {
    const role = event.target.value;
    put({ ...member, role });
    try {
      put(await api.patch(`${path}/${member.user_id}`, { role }));
      toast.say(`${member.name} is a ${role} now.`);
    } catch (error) {
      put(member);
      toast.problem(error);
    }
  };
  return html`
    <div class="input select">
      <select aria-label=${`Role of ${member.name}`} onChange=${change}>
        <option value="viewer" selected=${member.role === "viewer"}>Viewer</option>
        <option value="member" selected=${member.role === "member"}>Member</option>
      </select>
      <${Icon} name="down" />
    </div>
  `;
}
