signin-title = サインイン
signin-ready = 一回限りのリンクです。ボタンを押すと、このブラウザーでサインインします。
signin-button = サインインする
signin-why-button = リンクを開いただけでは使用済みになりません。プレビューやウイルス検査で無効になるのを防ぐためです。
signin-refused-title = このリンクは使えません
signin-refused = リンクは使用済みか、有効期限が切れているか、途中で欠けています。リンクは一度だけ、15分以内に使えます。
signin-new-link = サーバーで次のコマンドを実行し、表示されたリンクを開いてください。
signin-new-link-note = サーバーでこのコマンドを実行できる人がサインインできます。パスワードは使いません。
