/** Registration. */
import { api } from "../lib/api.js";
import { html, useEffect } from "../lib/html.js";
import { Link, navigate, useTitle } from "../lib/router.js";
import { session } from "../lib/session.js";
import { useSetup } from "../lib/setup.js";
import { Form, Input, Note, Submit } from "../lib/ui.js";
import { SignedOutPage } from "../shell/brand.js";

export default function Register({ location }) {
  const isFirst = location.query.has("first");
  const title = isFirst ? "Create the first account" : "Create an account";
  const { can_register: canRegister } = useSetup();
  useTitle(title);
  useEffect(() => {
    if (canRegister === false) navigate(`/sign-in${window.location.search}`, { replace: true });
  }, [canRegister]);
  const register = async (values) => session.start(await api.post("/auth/register", values));
  const other = !isFirst && html`Already have an account? <${Link} to=${`/sign-in${window.location.search}`}>Sign in<//>`;
  return html`
    <${SignedOutPage} title=${title} other=${other}>
      ${isFirst && html`<${Note}>This Pushpaka instance has no accounts yet.<//>`}
      <${Form} label=${title} onSubmit=${register}>
        <${Input} name="name" label="Name" autocomplete="name" autocapitalize="words" required autofocus />
        <${Input} name="email" label="Email" type="email" autocomplete="username" required />
        <${Input} name="password" label="Password" type="password" autocomplete="new-password" hint="At least 8 characters." required />
        <${Submit}>Create account<//>
      <//>
    <//>
  `;
}
