signin-title = Sign in
signin-ready = This is a one-time link. Press the button to sign in on this browser.
signin-button = Sign in
signin-why-button = Opening the link alone does not use it up, so link previews and scanners cannot take your place.
signin-refused-title = This link does not work any more
signin-refused = The link was already used, has expired, or is incomplete. A link works once, for 15 minutes.
signin-new-link = Run this on the server and open the link that it prints:
signin-new-link-note = Whoever can run this command on the server may sign in; no password is involved.
