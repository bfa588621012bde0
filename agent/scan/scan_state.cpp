// SPDX-License-Identifier: Apache-2.0
// A magic with the version, the head's numbers and texts, the entries in order, and a SHA-256 of all that.
#include "agent/scan/scan_state.hpp"

#include "agent/files/durable_file.hpp"
#include "agent/scan/btrfs/checksum.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bailiff::agent {
namespace {

constexpr std::string_view state_magic = "BLFSTAT1";
constexpr size_t longest_text = 64 * 1024, digest_size = 32, entry_size = 16 + digest_size, smallest = 8 + 3 * 8 + 3 * 4 + digest_size;
constexpr uint64_t largest_file = most_fingerprints * entry_size + 3 * longest_text + smallest;

void put_number(std::string& out, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}
void put_text(std::string& out, const std::string& text) {
    put_number(out, text.size(), 4);
    out += text;
}

bool take_text(Bytes& rest, std::string& out) {
    if (rest.size() < 4) return false;
    const auto size = little_endian<uint32_t>(rest, 0);
    if (size > longest_text || size > rest.size() - 4) return false;
    out.assign(rest.begin() + 4, rest.begin() + 4 + static_cast<std::ptrdiff_t>(size));
    rest = rest.subspan(4 + size);
    return true;
}

Result<std::vector<uint8_t>> read_own_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.fd(), &status) != 0)
        return fail(errno == ENOENT ? Errc::not_found : Errc::forbidden, "the scan state '" + path + "' cannot be opened: " + std::strerror(errno));
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)))
        return fail(Errc::forbidden, "the scan state '" + path + "' may be another user's work; it must be a file of ours that nobody else can write");
    if (static_cast<uint64_t>(status.st_size) > largest_file) return fail(Errc::invalid, "the scan state '" + path + "' is larger than such a file can be");
    std::vector<uint8_t> out(static_cast<size_t>(status.st_size));
    for (size_t at = 0; at < out.size();) {
        const ssize_t n = ::pread(file.fd(), out.data() + at, out.size() - at, static_cast<off_t>(at));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return fail(Errc::invalid, "the scan state '" + path + "' cannot be read");
        at += static_cast<size_t>(n);
    }
    return out;
}

bool before(const ScanState::Entry& a, const ScanState::Entry& b) { return a.told_by < b.told_by; }

}  // namespace

Result<ScanState> load_scan_state(const std::string& path) {
    const auto all = read_own_file(path);
    if (!all) return fail(all.error());
    const auto damaged = [&] { return fail(Errc::invalid, "the scan state '" + path + "' is damaged or of another version"); };
    if (all->size() < smallest || !std::equal(state_magic.begin(), state_magic.end(), all->begin())) return damaged();
    const Bytes signed_part = Bytes(*all).first(all->size() - digest_size), digest = Bytes(*all).last(digest_size);
    const auto due = sha256(signed_part);
    if (!std::equal(due.begin(), due.end(), digest.begin())) return damaged();
    ScanState out;
    Bytes rest = signed_part.subspan(state_magic.size());
    out.disk_bytes = little_endian<uint64_t>(rest, 0);
    out.dirty_bytes = little_endian<uint64_t>(rest, 8);
    const auto count = little_endian<uint64_t>(rest, 16);
    rest = rest.subspan(24);
    if (!take_text(rest, out.source) || !take_text(rest, out.mark) || !take_text(rest, out.program)) return damaged();
    if (count > most_fingerprints || rest.size() != count * entry_size) return damaged();
    out.entries.resize(count);
    for (ScanState::Entry& entry : out.entries) {
        std::copy_n(rest.begin(), entry.told_by.size(), entry.told_by.begin());
        std::copy_n(rest.begin() + 16, entry.digest.size(), entry.digest.begin());
        rest = rest.subspan(entry_size);
    }
    if (!std::is_sorted(out.entries.begin(), out.entries.end(), before)) return damaged();
    return out;
}

Result<void> save_scan_state(const std::string& path, ScanState state) {
    std::stable_sort(state.entries.begin(), state.entries.end(), before);
    const auto end = std::unique(state.entries.begin(), state.entries.end(), [](const auto& a, const auto& b) { return a.told_by == b.told_by; });
    state.entries.resize(std::min<size_t>(static_cast<size_t>(end - state.entries.begin()), most_fingerprints));
    std::string out(state_magic);
    out.reserve(smallest + state.source.size() + state.mark.size() + state.entries.size() * entry_size);
    put_number(out, state.disk_bytes, 8);
    put_number(out, state.dirty_bytes, 8);
    put_number(out, state.entries.size(), 8);
    put_text(out, state.source);
    put_text(out, state.mark);
    put_text(out, state.program);
    for (const ScanState::Entry& entry : state.entries) {
        out.append(entry.told_by.begin(), entry.told_by.end());
        out.append(entry.digest.begin(), entry.digest.end());
    }
    const auto digest = sha256({reinterpret_cast<const uint8_t*>(out.data()), out.size()});
    out.append(digest.begin(), digest.end());
    if (auto written = write_durably(path, out, S_IRUSR | S_IWUSR); !written)
        return fail(written.error().code, "the scan state is not kept, so the next scan reads everything: " + written.error().text);
    return {};
}

}  // namespace bailiff::agent
