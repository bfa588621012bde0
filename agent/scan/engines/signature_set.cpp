// SPDX-License-Identifier: Apache-2.0
// The fingerprint, and the signature that carries it into clamd.
#include "agent/scan/engines/signature_set.hpp"

#include "agent/scan/box/memory_file.hpp"
#include "agent/scan/engines/clamd.hpp"

#include <bailiff/dsse.hpp>
#include <bailiff/system_clock.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace bailiff::agent {
namespace {

namespace fs = std::filesystem;

/// A database's head holds its version and the time it was made.
constexpr size_t head_bytes = 512;
constexpr std::chrono::milliseconds between_questions{200};
/// With `ConcurrentDatabaseReload no` clamd answers nothing while it loads, and waits for its idle threads before: 30 s.
constexpr std::chrono::seconds one_question{2};

std::string signature_name(const std::string& fingerprint) { return "Bailiff.SignatureSet." + fingerprint; }
std::string content_for(const std::string& fingerprint) { return "Bailiff asks clamd which signatures it has loaded: " + fingerprint + "\n"; }

/// Whether clamd knows our signature of this fingerprint; an error when clamd does not answer.
Result<bool> is_loaded(const std::string& socket, const std::string& fingerprint, std::chrono::seconds limit) {
    auto content = MemoryFile::create();
    if (!content) return fail(content.error());
    const std::string text = content_for(fingerprint);
    if (auto written = content->append({text.data(), text.size()}); !written) return fail(written.error());
    if (auto sealed = content->seal(); !sealed) return fail(sealed.error());
    const auto answer = ask_clamd_about(socket, content->fd(), limit);
    if (!answer) return fail(answer.error());
    // clamd adds ".UNOFFICIAL" to what is not its maker's.
    return answer->kind == ClamdAnswer::Kind::found && answer->text.starts_with(signature_name(fingerprint));
}

Result<void> write_signature(const std::string& folder, const std::string& fingerprint) {
    const std::string text = content_for(fingerprint);
    const std::string line = sha256_hex(text) + ":" + std::to_string(text.size()) + ":" + signature_name(fingerprint) + "\n";
    // clamd reads a file of any other name not at all, so that it never sees half of ours.
    const std::string path = folder + "/" + set_signature_file, unfinished = path + ".new";
    const Descriptor file(::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file || ::write(file.fd(), line.data(), line.size()) != ssize_t(line.size()) || ::fchmod(file.fd(), 0644) != 0 ||
        ::rename(unfinished.c_str(), path.c_str()) != 0)
        return fail(Errc::forbidden, "cannot write '" + path + "' (" + std::strerror(errno) +
                                         "), by which clamd would show which signatures it has loaded; give this user the right, or scan without the cache");
    return {};
}

}  // namespace

std::string set_name(const std::string& fingerprint) { return "clamd " + fingerprint; }

Result<std::string> fingerprint_of(const std::string& database_folder) {
    std::error_code error;
    std::vector<fs::path> files;
    for (fs::directory_iterator at(database_folder, error), end; !error && at != end; at.increment(error))
        if (at->is_regular_file(error) && !at->path().filename().string().starts_with(set_signature_file)) files.push_back(at->path());
    if (error) return fail(Errc::unavailable, "the signatures' folder '" + database_folder + "' cannot be read: " + error.message() + "; name clamd's DatabaseDirectory");
    std::sort(files.begin(), files.end());
    std::string text;
    for (const auto& file : files) {
        struct stat status {};
        if (::stat(file.c_str(), &status) != 0) return fail(Errc::unavailable, "'" + file.string() + "' cannot be read; scan again");
        char head[head_bytes] = {};
        std::ifstream(file, std::ios::binary).read(head, sizeof head);
        // Not `text` alone: a name may hold anything but a zero byte.
        text += file.filename().string() + '\0' + std::to_string(status.st_size) + '\0' + std::to_string(status.st_ino) + '\0' +
                std::to_string(status.st_mtim.tv_sec) + '.' + std::to_string(status.st_mtim.tv_nsec) + '\0' + sha256_hex({head, sizeof head});
    }
    return sha256_hex(text).substr(0, 32);
}

Result<std::string> prove_signature_set(const std::string& clamd_socket, const std::string& database_folder, std::chrono::seconds patience) {
    const SystemClock clock;
    const auto end = clock.monotonic() + std::chrono::milliseconds(patience);
    std::string written;
    for (;;) {
        const auto fingerprint = fingerprint_of(database_folder);
        if (!fingerprint) return fail(fingerprint.error());
        const auto loaded = is_loaded(clamd_socket, *fingerprint, one_question);
        if (loaded && *loaded) return set_name(*fingerprint);
        if (clock.monotonic() >= end && !loaded) return fail(loaded.error());
        if (clock.monotonic() >= end)
            return fail(Errc::unavailable, "clamd did not load '" + database_folder + "' within " + std::to_string(patience.count()) +
                                               " s; is it clamd's DatabaseDirectory? Its log says more");
        if (loaded && *fingerprint != written) {
            if (auto done = write_signature(database_folder, *fingerprint); !done) return fail(done.error());
            if (auto told = reload_clamd(clamd_socket, patience); !told) return fail(told.error());
            written = *fingerprint;
        }
        std::this_thread::sleep_for(between_questions);
    }
}

}  // namespace bailiff::agent
