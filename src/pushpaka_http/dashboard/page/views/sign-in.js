/** Sign-in. */
import { html, useEffect } from "../lib/html.js";
import { api } from "../lib/api.js";
import { Link, navigate, useTitle } from "../lib/router.js";
import { session, useSession } from "../lib/session.js";
import { useSetup } from "../lib/setup.js";
import { Form, Input, Note, Submit } from "../lib/ui.js";
import { SignedOutPage } from "../shell/brand.js";

export default function SignIn({ location }) {
  useTitle("Sign in");
  const { has_accounts: hasAccounts, can_register: canRegister } = useSetup();
  const { notice } = useSession();
  useEffect(() => {
    if (canRegister && !hasAccounts) navigate("/register?first", { replace: true });
  }, [canRegister, hasAccounts]);
  const signIn = async (values) => session.start(await api.post("/auth/login", values));
  const other = canRegister
    ? html`New here? <${Link} to=${`/register${window.location.search}`}>Create an account<//>`
    : canRegister === false && "No account yet? Ask the operator of this instance.";
  return html`
    <${SignedOutPage} title="Sign in" other=${other}>
      ${notice && html`<${Note} kind="warn">${notice}<//>`}
      ${!notice && location.query.get("next") && html`<${Note}>Sign in to see this page.<//>`}
      <${Form} label="Sign in" onSubmit=${signIn}>
        <${Input} name="email" label="Email" type="email" autocomplete="username" required autofocus />
        <${Input} name="password" label="Password" type="password" autocomplete="current-password" required />
        <${Submit}>Sign in<//>
      <//>
    <//>
  `;
}
