// SPDX-License-Identifier: Apache-2.0
// bailiff-hold: keeps every QEMU from writing to the disks of a VM that is off and locked, whatever VM it runs.
//
// QEMU marks by locks on single bytes of an image what it does with it and what it lets others do (block/file-posix.c,
// the same bytes since QEMU 2.10). This program holds the two bytes that say "nobody else may write, nobody may resize",
// and uses nothing of the image itself: it reads no byte of it, so that no header of a customer's making is parsed, and
// readers (evidence, scan, overlays) are not hindered. `qemu-nbd -r` and qemu-storage-daemon hold these bytes for qcow2
// only; beside a raw image of theirs a guest may write.
//
// Called as `bailiff-hold UUID PID-FILE PATH…`. Ends with 0 once a process in a session of its own holds all of them (or
// did already), 3 when somebody writes to one of them, 1 for any other trouble, with a sentence on standard error.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

// RAW_LOCK_PERM_BASE and RAW_LOCK_SHARED_BASE of QEMU, plus the number of the permission: 1 is write, 3 is resize.
constexpr off_t writes = 101;
constexpr off_t lets_nobody_write = 201;
constexpr off_t lets_nobody_resize = 203;

struct flock one_byte(short type, off_t at) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = at;
    lock.l_len = 1;
    return lock;
}

bool take(int fd, short type, off_t at) {
    struct flock lock = one_byte(type, at);
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

/// Whether any QEMU has said that it writes to the image.
bool written(int fd) {
    struct flock lock = one_byte(F_WRLCK, writes);
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

int say(int code, const std::string& text) {
    const std::string line = text + "\n";
    (void)!::write(STDERR_FILENO, line.data(), line.size());
    return code;
}

/// Ours first, then the look at theirs: QEMU does it in the same order, so of two at once at least one notices.
int hold(const char* path) {
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return say(1, std::string("cannot open ") + path + ": " + std::strerror(errno));
    if (!take(fd, F_RDLCK, lets_nobody_write) || !take(fd, F_RDLCK, lets_nobody_resize))
        return say(1, std::string("cannot lock ") + path + ": " + std::strerror(errno));
    if (written(fd)) return say(3, std::string("the disk ") + path + " of the locked VM is written by another process: some VM runs on it under another name");
    return 0;   // open until the end
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return say(1, "usage: bailiff-hold UUID PID-FILE PATH...");
    // Whoever holds the lock on the pid file is the holder: there is never a second one, and no race for the first.
    const int pid_file = ::open(argv[2], O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (pid_file < 0) return say(1, std::string("cannot open ") + argv[2] + ": " + std::strerror(errno));
    if (!take(pid_file, F_WRLCK, 0)) return 0;
    for (int i = 3; i < argc; ++i)
        if (const int code = hold(argv[i])) return code;

    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return say(1, "pipe(2) failed");
    const pid_t child = ::fork();
    if (child < 0) return say(1, "fork(2) failed");
    if (child > 0) {
        ::close(ready[1]);
        char byte = 0;
        return ::read(ready[0], &byte, 1) == 1 ? 0 : say(1, "the holder ended at once");
    }
    // A session of its own: it outlives the agent that started it.
    ::setsid();
    (void)!::chdir("/");
    const int null = ::open("/dev/null", O_RDWR);
    for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null, fd);
    char text[32];
    const int length = std::snprintf(text, sizeof text, "%d\n", int(::getpid()));
    if (::ftruncate(pid_file, 0) != 0 || ::pwrite(pid_file, text, size_t(length), 0) != length) return 1;
    (void)!::write(ready[1], "", 1);
    ::close(ready[0]);
    ::close(ready[1]);
    for (;;) ::pause();
}
