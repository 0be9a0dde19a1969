// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//
// What every program reads of a process.
#pragma once

#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "records.h"

static __always_inline __u16 read_ids(struct process_ids *ids, struct task_struct *task)
{
	struct task_struct *parent = BPF_CORE_READ(task, real_parent, group_leader);
	__u16 flags = 0;

	ids->parent_pid = BPF_CORE_READ(parent, tgid);
	ids->parent_start_ns = BPF_CORE_READ(parent, start_boottime);
	ids->uid = BPF_CORE_READ(task, real_cred, uid.val);
	ids->euid = BPF_CORE_READ(task, real_cred, euid.val);
	ids->loginuid = ~0U;
	ids->sessionid = ~0U;
	ids->unused = 0;
	if (bpf_core_field_exists(task->loginuid)) {
		ids->loginuid = BPF_CORE_READ(task, loginuid.val);
		ids->sessionid = BPF_CORE_READ(task, sessionid);
		flags |= FLAG_AUDIT_IDS;
	}
	return flags;
}
