// SPDX-License-Identifier: Apache-2.0
// Opening the source: the gate first, then qemu-nbd with everything said explicitly.
#include "agent/scan/image/source.hpp"

#include "agent/scan/box/bubblewrap.hpp"
#include "agent/scan/box/role.hpp"
#include "agent/scan/image/qcow2_header.hpp"
#include "agent/scan/path_text.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace bailiff::agent {
namespace {

constexpr size_t longest_chain = 16;
constexpr int server_patience_ms = 20'000;

Result<Descriptor> open_file(const std::string& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    struct stat status {};
    if (!file || ::fstat(file.fd(), &status) != 0)
        return fail(Errc::not_found, "the image '" + escape_path(path) + "' cannot be opened: " + std::strerror(errno));
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode))
        return fail(Errc::invalid, "the image '" + escape_path(path) + "' is neither a file nor a block device");
    return file;
}

bool begins_as_qcow2(int fd) {
    uint8_t head[4];
    return ::pread(fd, head, sizeof head, 0) == 4 && has_qcow2_magic(head);
}

Result<Descriptor> connect_socket(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail(Errc::invalid, "the path of the NBD socket is too long");
    std::memcpy(address.sun_path, path.data(), path.size());
    Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket || ::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return fail(Errc::unavailable, "no NBD server answers at '" + escape_path(path) + "': " + std::strerror(errno));
    return socket;
}

/// Checks the header of the image and of each qcow2 file behind it.
Result<void> gate_chain(const SourceSpec& spec, Source& source) {
    if (spec.backing.size() > longest_chain) return fail(Errc::invalid, "the chain of backing files is longer than 16");
    Descriptor held;
    for (size_t i = 0; i <= spec.backing.size(); ++i) {
        const std::string path = i == 0 ? spec.image : spec.backing[i - 1].path;
        const std::string format = i == 0 ? spec.format : spec.backing[i - 1].format;
        if (i > 0) {
            auto file = open_file(path);
            if (!file) return fail(file.error());
            held = std::move(*file);
        }
        if (format == "raw") {
            if (i != spec.backing.size()) return fail(Errc::invalid, "a raw image has no backing file; drop the --backing behind it");
            return {};
        }
        Qcow2Expectation expected;
        if (i < spec.backing.size()) {
            expected.backing_path = spec.backing[i].path;
            expected.backing_format = spec.backing[i].format;
        }
        if (i == 0) expected.virtual_size = spec.virtual_size;
        if (i == 0 && !spec.dirty_bitmap.empty()) expected.bitmap = spec.dirty_bitmap;
        const auto header = gate_qcow2(i == 0 ? source.image.fd() : held.fd(), expected);
        if (!header) return fail(header.error().code, (i ? "backing file '" + escape_path(path) + "': " : "") + header.error().text);
        if (header->dirty) source.notes.push_back("the qcow2 image was not closed properly");
        if (!expected.bitmap) continue;
        source.bitmap_problem = header->bitmap_problem;
        if (source.bitmap_problem.empty()) source.dirty_bitmap = spec.dirty_bitmap;
    }
    return {};
}

/// Whether any QEMU has said that it writes to the image: it then holds this byte (block/file-posix.c; its
/// RAW_LOCK_PERM_BASE plus the number of the permission). Asking takes no lock, so nobody is kept from anything.
bool is_written(int fd) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    lock.l_start = 101;
    lock.l_len = 1;
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/// Where TMPDIR says, unless a socket below it would have too long a name.
std::string place_for_sockets() {
    constexpr size_t longest = 80;
    std::error_code error;
    const std::string place = std::filesystem::temp_directory_path(error).string();
    return error || place.size() > longest ? "/tmp" : place;
}

/// A folder that only we can enter, removed with what is in it.
class PrivateFolder {
  public:
    PrivateFolder() : path_(place_for_sockets() + "/bailiff-scan-XXXXXX") {
        if (!::mkdtemp(path_.data())) path_.clear();
    }
    ~PrivateFolder() {
        if (path_.empty()) return;
        ::unlink((path_ + "/nbd").c_str());
        ::rmdir(path_.c_str());
    }
    PrivateFolder(const PrivateFolder&) = delete;
    PrivateFolder& operator=(const PrivateFolder&) = delete;
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

/// The whole chain as one option text: nothing in a header decides what QEMU opens.
std::string chain_options(const std::vector<std::string>& formats, const std::vector<std::string>& paths) {
    std::string out, prefix;
    for (size_t i = 0; i < formats.size(); ++i) {
        std::string name;
        for (const char c : paths[i]) name += c == ',' ? std::string(",,") : std::string(1, c);
        out += (i ? "," : "") + prefix + "driver=" + formats[i] + "," + prefix + "file.driver=file," + prefix + "file.filename=" + name;
        prefix += "backing.";
    }
    return out;
}

Result<Source> serve(const SourceSpec& spec, Source source, Access access) {
    if (const auto gate = gate_chain(spec, source); !gate) return fail(gate.error());
    const PrivateFolder folder;
    if (folder.path().empty()) return fail(Errc::unavailable, "no private folder can be made in " + place_for_sockets() + "; free some space there, or name another place in TMPDIR");
    std::vector<std::string> formats{spec.format}, paths{spec.image};
    for (const auto& backing : spec.backing) {
        formats.push_back(backing.format);
        paths.push_back(backing.path);
    }
    for (auto& path : paths) path = std::filesystem::absolute(path).string();  // the server runs in another folder

    Bubblewrap box;
    std::vector<std::string> inside;
    for (size_t i = 0; i < paths.size(); ++i) {
        const std::string name = "/image" + std::to_string(i);
        inside.push_back(i == 0 && access == Access::writable ? box.bind(paths[i], name) : box.bind_read_only(paths[i], name));
    }
    if (access == Access::writable) box.allow_writing();
    const std::string socket = box.bind(folder.path(), "/nbd") + "/nbd";
    ProcessOptions options;
    options.die_with_parent = true;
    options.grace = std::chrono::milliseconds(500);
    std::vector<std::string> command{"/usr/bin/qemu-nbd", "--socket=" + socket, "--shared=1"};
    if (access == Access::read_only) command.push_back("--read-only");
    if (!source.dirty_bitmap.empty()) command.push_back("--bitmap=" + source.dirty_bitmap);
    command.insert(command.end(), {"--image-opts", chain_options(formats, inside) + (spec.share ? ",force-share=on" : "")});
    const auto argv = box.wrap(std::move(command));
    if (!box.available()) source.notes.push_back("bubblewrap is not usable here: qemu-nbd ran outside it");
    auto server = Process::start(argv, options);
    if (!server) return fail(server.error());
    const timespec nap{0, 5'000'000};
    for (int waited = 0; waited < server_patience_ms; waited += 5) {
        if (auto connected = connect_socket(folder.path() + "/nbd")) {
            source.image = std::move(*connected);
            source.export_name = "";
            source.server = std::move(*server);
            return source;
        }
        if (!server->running()) break;
        ::nanosleep(&nap, nullptr);
    }
    const std::string why = last_words(*server);
    if (!source.dirty_bitmap.empty()) {
        // A scan without its bitmap is slower and not worse.
        source.dirty_bitmap.clear();
        source.bitmap_problem = "qemu-nbd does not serve the dirty bitmap: " + why;
        SourceSpec plain = spec;
        plain.dirty_bitmap.clear();
        return serve(plain, std::move(source), access);
    }
    return fail(Errc::unavailable, "qemu-nbd cannot serve the image (is the VM running, or the file damaged?): " + why);
}

/// Device and inode tell a file that was replaced; a backing file, which nobody writes, is told by its last write, too.
std::string identity_of(const SourceSpec& spec) {
    const auto told = [](const std::string& path, bool written) {
        struct stat status {};
        if (::stat(path.c_str(), &status) != 0) return std::string("?");
        std::string out = std::filesystem::absolute(path).string() + " " + std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
        if (!written) out += " " + std::to_string(status.st_mtim.tv_sec) + "." + std::to_string(status.st_mtim.tv_nsec);
        return out;
    };
    std::string out = (spec.format == "qcow2" ? "qcow2 " : "raw ") + told(spec.image, true);
    for (const auto& backing : spec.backing) out += " on " + backing.format + " " + told(backing.path, false);
    return escape_path(out);
}

}  // namespace

Result<NbdAddress> parse_nbd_uri(const std::string& uri) {
    const auto refuse = [] { return fail(Errc::invalid, "an NBD source is written nbd+unix:///EXPORT?socket=/PATH"); };
    static constexpr std::string_view scheme = "nbd+unix://", query = "?socket=";
    const size_t mark = uri.find(query);
    if (uri.rfind(scheme, 0) != 0 || mark == uri.npos || mark < scheme.size()) return refuse();
    const auto decode = [](std::string_view text) -> std::optional<std::string> {
        std::string out;
        for (size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '&' || text[i] == '#') return std::nullopt;
            if (text[i] != '%') {
                out += text[i];
                continue;
            }
            const std::string hex(text.substr(i + 1, 2));
            char* end = nullptr;
            const long value = std::strtol(hex.c_str(), &end, 16);
            if (hex.size() != 2 || *end || value <= 0) return std::nullopt;
            out += static_cast<char>(value);
            i += 2;
        }
        return out;
    };
    std::string_view name = std::string_view(uri).substr(scheme.size(), mark - scheme.size());
    if (!name.empty()) name.remove_prefix(name[0] == '/' ? 1 : 0);
    const auto export_name = decode(name), path = decode(std::string_view(uri).substr(mark + query.size()));
    if (!export_name || !path || path->empty() || (*path)[0] != '/') return refuse();
    return NbdAddress{*export_name, *path};
}

Result<Source> open_source(const SourceSpec& spec) {
    Source source;
    if (spec.image.rfind("nbd", 0) == 0 && spec.image.find("://") != spec.image.npos) {
        if (!spec.format.empty() && spec.format != "raw") return fail(Errc::invalid, "an NBD source is always raw; drop --format");
        const auto address = parse_nbd_uri(spec.image);
        if (!address) return fail(address.error());
        auto socket = connect_socket(address->socket_path);
        if (!socket) return fail(socket.error());
        source.image = std::move(*socket);
        source.export_name = address->export_name;
        // The socket's path is no one's name: libvirt's backup may make a new one each time.
        source.identity = "nbd " + escape_path(address->export_name);
        source.dirty_bitmap = spec.dirty_bitmap;
        return source;
    }
    auto file = open_file(spec.image);
    if (!file) return fail(file.error());
    source.image = std::move(*file);
    source.identity = identity_of(spec);
    if (spec.share && is_written(source.image.fd()))
        return fail(Errc::conflict, "the image '" + escape_path(spec.image) + "' is written by a VM that runs; scan it when the VM is off");
    const bool qcow2 = begins_as_qcow2(source.image.fd());
    if (spec.format == "qcow2") return serve(spec, std::move(source), Access::read_only);
    if (spec.format.empty() && qcow2)
        return fail(Errc::invalid, "the file begins with a qcow2 header, which a guest can also write into a raw disk; say --format qcow2 "
                                   "or --format raw, as the inventory has it");
    if (!spec.backing.empty()) return fail(Errc::invalid, "only a qcow2 image has a backing file; drop --backing");
    if (qcow2) source.notes.push_back("the raw disk begins with a qcow2 header");
    return source;
}

Result<Source> open_for_cleaning(const SourceSpec& spec, Access access) {
    if (spec.format != "raw" && spec.format != "qcow2") return fail(Errc::invalid, "say --format raw or --format qcow2, as the inventory has it");
    auto file = open_file(spec.image);
    if (!file) return fail(file.error());
    Source source;
    source.image = std::move(*file);
    return serve(spec, std::move(source), access);
}

}  // namespace bailiff::agent
