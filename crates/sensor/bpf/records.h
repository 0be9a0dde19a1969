// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// The records in the ring, in the order of their bytes. `src/linux/record.rs` reads exactly this; a change
// here changes the hash of the object, and with it the pin that a start looks for.
#pragma once

#define PATH_BYTES_MAX 4096
#define NAME_BYTES_MAX 256
#define ARGUMENTS_BYTES_MAX 131072

enum record_type {
	RECORD_EXEC = 1,
	RECORD_FORK = 2,
	RECORD_EXIT = 3,
	RECORD_CONNECT = 4,
	RECORD_ACCEPT = 5,
};

enum record_flag {
	FLAG_IMAGE_TRUNCATED = 1 << 0, // the path had more components or bytes than are walked
	FLAG_IMAGE_DETACHED = 1 << 1,  // the file hangs on no mount: memfd
	FLAG_IMAGE_DELETED = 1 << 2,   // no link to the file is left
	FLAG_CWD_TRUNCATED = 1 << 3,
	FLAG_CWD_DETACHED = 1 << 4,
	FLAG_ARGUMENTS_UNREADABLE = 1 << 5,
	FLAG_AUDIT_IDS = 1 << 6, // loginuid and sessionid exist on this kernel
};

struct record_head {
	__u16 type;
	__u16 flags;
	__u32 pid;      // thread group
	__u64 start_ns; // of the group leader, since boot
	__u64 seen_ns;  // since boot
};

struct process_ids {
	__u64 parent_start_ns;
	__u32 parent_pid;
	__u32 uid;
	__u32 euid;
	__u32 loginuid;
	__u32 sessionid;
	__u32 unused;
};

// Followed by path_bytes, cwd_bytes and arguments_copied bytes. The paths are their components from the
// leaf to the root, each ended by a zero.
struct exec_record {
	struct record_head head;
	struct process_ids ids;
	__u64 arguments_bytes;
	__u32 arguments_copied;
	__u32 path_bytes;
	__u32 cwd_bytes;
	__u32 unused;
};

struct fork_record {
	struct record_head head;
	struct process_ids ids;
};

struct exit_record {
	struct record_head head;
	struct process_ids ids;
	__s32 exit_code;
	__u32 unused;
};

struct connect_record {
	struct record_head head;
	__u8 local[16];
	__u8 remote[16];
	__s32 result;
	__u32 uid;
	__u16 family;
	__u16 protocol;
	__u16 local_port;
	__u16 remote_port;
};

// What the task iterator writes for each process.
struct running_record {
	struct process_ids ids;
	__u64 start_ns;
	__u32 pid;
	__u16 flags;
	__u16 unused;
};
