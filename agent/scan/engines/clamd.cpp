// SPDX-License-Identifier: Apache-2.0
// clamd's protocol: commands in "z" form, answers that end in a zero byte.
#include "agent/scan/engines/clamd.hpp"

#include "agent/scan/box/packet_socket.hpp"
#include "agent/scan/path_text.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

namespace bailiff::agent {
namespace {

constexpr size_t most_answer = 8192;

bool send_text(int socket, std::string_view text) {
    while (!text.empty()) {
        const ssize_t n = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        text.remove_prefix(static_cast<size_t>(n));
    }
    return true;
}

constexpr std::string_view zero_terminated(const char* text) { return {text, std::char_traits<char>::length(text) + 1}; }

Result<Descriptor> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail(Errc::invalid, "the path of clamd's socket is too long");
    std::memcpy(address.sun_path, path.data(), path.size());
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail(Errc::unavailable, "clamd does not answer at '" + path + "' (" + std::strerror(errno) +
                                           "); start it, or name its LocalSocket with --clamd");
    const timeval patience{30, 0};
    ::setsockopt(socket.fd(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return socket;
}

/// One command on a connection of its own, answered before `limit`.
Result<std::string> ask_once(const std::string& path, const char* command, int descriptor, std::chrono::seconds limit) {
    auto socket = connect_to(path);
    if (!socket) return fail(socket.error());
    static constexpr uint8_t any = 0;
    std::string out;
    if (send_text(socket->fd(), zero_terminated(command)) && (descriptor < 0 || send_packet(socket->fd(), Bytes(&any, 1), descriptor))) {
        for (char buffer[1024]; out.size() < most_answer && out.find('\0') == out.npos;) {
            pollfd wait{socket->fd(), POLLIN, 0};
            if (::poll(&wait, 1, static_cast<int>(limit.count() * 1000)) <= 0) break;
            const ssize_t n = ::recv(socket->fd(), buffer, sizeof buffer, 0);
            if (n <= 0) break;
            out.append(buffer, static_cast<size_t>(n));
        }
    }
    const size_t end = out.find('\0');
    if (end == out.npos)
        return fail(Errc::unavailable, "clamd at '" + path + "' does not answer " + command + "; look at its log and restart it");
    return out.substr(0, end);
}

bool ends_with(std::string_view text, std::string_view end) {
    return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

ClamdAnswer parse_clamd_answer(std::string_view line) {
    // A session answers "ID: fd[N]: …"; the signature is the last word but one, and cannot hold a colon and a space.
    const size_t colon = line.rfind(": ");
    const std::string_view rest = colon == line.npos ? line : line.substr(colon + 2);
    if (colon != line.npos && rest == "OK") return {ClamdAnswer::Kind::clean, ""};
    if (colon != line.npos && ends_with(rest, " FOUND")) {
        const std::string signature = escape_path(rest.substr(0, rest.size() - 6));
        if (signature.rfind("Heuristics.Limits.Exceeded", 0) == 0) return {ClamdAnswer::Kind::limit, signature};
        if (!signature.empty()) return {ClamdAnswer::Kind::found, signature};
    }
    return {ClamdAnswer::Kind::error, escape_path(line.substr(0, 300))};
}

Result<void> ClamdSession::connect(const std::string& socket_path) {
    received_.clear();
    auto socket = connect_to(socket_path);
    if (!socket) return fail(socket.error());
    socket_ = std::move(*socket);
    if (!send_text(socket_.fd(), zero_terminated("zIDSESSION"))) return fail(Errc::unavailable, "clamd closed the connection at once");
    return {};
}

bool ClamdSession::ask(int content) {
    static constexpr uint8_t any = 0;
    return socket_ && send_text(socket_.fd(), zero_terminated("zFILDES")) && send_packet(socket_.fd(), Bytes(&any, 1), content);
}

Result<std::optional<ClamdAnswer>> ClamdSession::answer() {
    char buffer[2048];
    const ssize_t n = ::recv(socket_.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<ClamdAnswer>();
    if (n <= 0 || received_.size() > most_answer) {
        socket_.reset();
        return fail(Errc::unavailable, "clamd closed the connection");
    }
    received_.append(buffer, static_cast<size_t>(n));
    const size_t end = received_.find('\0');
    if (end == received_.npos) return std::optional<ClamdAnswer>();
    const ClamdAnswer out = parse_clamd_answer(std::string_view(received_).substr(0, end));
    received_.erase(0, end + 1);
    return std::optional(out);
}

Result<ClamdAnswer> ask_clamd_about(const std::string& socket_path, int content, std::chrono::seconds limit) {
    const auto answer = ask_once(socket_path, "zFILDES", content, limit);
    if (!answer) return fail(answer.error());
    return parse_clamd_answer(*answer);
}

Result<void> reload_clamd(const std::string& socket_path, std::chrono::seconds limit) {
    const auto answer = ask_once(socket_path, "zRELOAD", -1, limit);
    if (!answer) return fail(answer.error());
    if (*answer != "RELOADING") return fail(Errc::unavailable, "clamd at '" + socket_path + "' does not reload its signatures: " + escape_path(answer->substr(0, 300)));
    return {};
}

std::optional<Instant> signatures_date(std::string_view version) {
    const size_t number = version.find('/');
    const size_t date = number == version.npos ? number : version.find('/', number + 1);
    if (date == version.npos) return std::nullopt;
    const std::string text(version.substr(date + 1));
    std::tm local{};
    const char* end = ::strptime(text.c_str(), "%a %b %d %H:%M:%S %Y", &local);
    if (!end || *end) return std::nullopt;
    local.tm_isdst = -1;
    const std::time_t at = ::mktime(&local);
    if (at <= 0) return std::nullopt;
    return Instant(Seconds(at));
}

Result<ClamdFacts> examine_clamd(const std::string& socket_path, std::chrono::seconds limit) {
    const auto pong = ask_once(socket_path, "zPING", -1, limit);
    if (!pong) return fail(pong.error());
    if (*pong != "PONG") return fail(Errc::unavailable, "what answers at '" + socket_path + "' is not clamd");
    const auto version = ask_once(socket_path, "zVERSION", -1, limit);
    if (!version) return fail(version.error());
    ClamdFacts facts;
    facts.version = escape_path(*version);
    facts.signatures_at = signatures_date(*version).value_or(Instant{});
    // ClamAV takes nothing above two gigabytes, whatever its configuration says. The file is a hole: it costs no memory.
    const Descriptor giant(::memfd_create("limit", MFD_CLOEXEC));
    if (giant && ::ftruncate(giant.fd(), (off_t{1} << 31) + (off_t{1} << 20)) == 0) {
        const auto answer = ask_clamd_about(socket_path, giant.fd(), limit);
        facts.reports_limits = answer && answer->kind == ClamdAnswer::Kind::limit;
    }
    return facts;
}

}  // namespace bailiff::agent
