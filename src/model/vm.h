/* A virtual machine, its NICs and its disks. The same struct is WANTED (a VM file, a command) and OBSERVED (QEMU). */
#pragma once

#include "model/network.h"

#define VM_NAME_SIZE 65
#define VM_NICS_MAX 256
#define VM_DISKS_MAX 64

enum vm_state { /* the order of vm_state_names, which are virsh's words */
    VM_SHUT_OFF,
    VM_STARTING,
    VM_RUNNING,
    VM_PAUSED,
    VM_IN_SHUTDOWN, /* QEMU is ending */
    VM_CRASHED,
};

enum vm_accel { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG };
enum nic_type { NIC_BRIDGE, NIC_USER, NIC_ETHERNET };
enum nic_model { /* the order of nic_model_names */
    NIC_VIRTIO, NIC_E1000, NIC_E1000E, NIC_RTL8139, NIC_NE2K_PCI, NIC_PCNET, NIC_I82551, NIC_I82557B, NIC_I82559ER, NIC_VMXNET3,
};
enum nic_vhost { VHOST_AUTO, VHOST_ON, VHOST_OFF };
enum nic_state {
    NIC_ABSENT,     /* stated, not plugged */
    NIC_ATTACHING,  /* its plan is running, or was when the daemon ended */
    NIC_PLUGGED,
    NIC_UNPLUGGING, /* QEMU was asked to remove it; the guest has not let go yet */
    NIC_REMOVED,    /* the device is gone; netdev and TAP may be left */
};
enum disk_bus { DISK_VIRTIO, DISK_IDE, DISK_SCSI, DISK_SD, DISK_FLOPPY };
enum disk_media { MEDIA_DISK, MEDIA_CDROM };
enum disk_cache { CACHE_WRITEBACK, CACHE_WRITETHROUGH, CACHE_NONE, CACHE_DIRECTSYNC, CACHE_UNSAFE };

extern const char *const vm_state_names[];  /* "shut off", "starting", "running", "paused", "in shutdown", "crashed" */
extern const char *const vm_accel_names[];  /* "auto", "kvm", "tcg" */
extern const char *const nic_type_names[];  /* "bridge", "user", "ethernet" */
extern const char *const nic_model_names[]; /* "virtio", "e1000", … */
extern const char *const nic_vhost_names[];
extern const char *const nic_state_names[]; /* "absent", "attaching", "plugged", "unplugging", "removed" */
extern const char *const disk_bus_names[];
extern const char *const disk_media_names[];
extern const char *const disk_cache_names[];

/* Bits of nic.set, disk.set and vm.set are the row numbers inside the section's part of the option table: option_is_set(). */
struct nic {
    char name[VM_NAME_SIZE]; /* net0; the ids of fds, netdev and device derive from it */
    field_set set;
    enum nic_type type;
    char bridge[INTERFACE_NAME_SIZE];
    enum nic_model model;
    uint8_t mac[6];
    char target[INTERFACE_NAME_SIZE]; /* the TAP */
    enum nic_vhost vhost;
    uint32_t queues;
    uint32_t vlan;      /* 0 = none */
    char *trunk;        /* "10,20-29"; NULL = none */
    uint32_t mtu;       /* 0 = the bridge's */
    bool isolated;
    struct rate inbound, outbound;
    bool link;          /* up */
    uint32_t line;      /* of its section in the VM file; 0 = none */

    /* OBSERVED only */
    enum nic_state state;
    bool vhost_used;
    char *vhost_reason; /* why auto plugged it without; NULL = nothing to say */
    bool live, config;  /* where the NIC exists */
};

struct disk {
    char name[VM_NAME_SIZE];
    field_set set;
    char *file;
    enum disk_bus bus;
    enum disk_media media;
    char *format; /* qcow2, raw, … */
    enum disk_cache cache;
    bool read_only;
    uint32_t line;
};

struct vm {
    char name[VM_NAME_SIZE];
    field_set set;
    char *file; /* the VM file, for messages; NULL = none */
    char uuid[37];
    uint64_t memory; /* bytes */
    uint32_t vcpus, max_vcpus, sockets, cores, threads; /* 0 = not stated */
    char *machine;   /* pc, q35, or a version of either */
    char *cpu;       /* NULL = host under KVM, max under TCG */
    enum vm_accel accel;
    char *boot;      /* "cdrom,disk"; NULL = QEMU's order */
    char *kernel, *initrd, *append;
    bool autostart;
    char *vnc;       /* "127.0.0.1:1", "unix:PATH", "none" */
    char *vga;
    struct nic *nics;
    size_t nic_count;
    struct disk *disks;
    size_t disk_count;

    /* WANTED: the power state asked for. OBSERVED: what it is. */
    enum vm_state state;

    /* OBSERVED only */
    int pid;
    unsigned long long start_ticks; /* with pid: which process */
    uint32_t free_slots;              /* for PCI Express NICs; on pc: for all */
    uint32_t free_conventional_slots; /* for e1000, rtl8139 and their like; on pc: the same slots */
    char *reason; /* why it is in this state: "guest powered off", "qemu: exit status 1"; NULL */
};

struct vm *vm_new(const char *name); /* with the defaults of the option table */
struct vm *vm_copy(const struct vm *vm);
void vm_free(struct vm *vm);
struct nic *vm_add_nic(struct vm *vm, const char *name); /* with the option table's defaults */
struct disk *vm_add_disk(struct vm *vm, const char *name);
void vm_remove_nic(struct vm *vm, const char *name);
struct nic *vm_find_nic(const struct vm *vm, const char *name);
struct nic *vm_find_nic_by_mac(const struct vm *vm, const uint8_t mac[6]);
struct disk *vm_find_disk(const struct vm *vm, const char *name);

void nic_copy(const struct nic *nic, struct nic *ret_copy); /* ret_copy is overwritten; nic_clear it later */
void nic_clear(struct nic *nic);
struct nic *nic_new_copy(const struct nic *nic); /* NULL gives NULL */
void nic_free(struct nic *nic);                  /* of nic_new_copy; NULL is fine */

/* Takes over what `changes` states. live: what can't change under a running guest is refused with virsh's words, -EOPNOTSUPP. */
struct error;
int nic_change(struct nic *nic, const struct nic *changes, bool live, struct error *err);

/* What only a port of a bridge can have (limits, VLANs, isolation) and a NIC of another type is told to have, in vain: -EOPNOTSUPP with
 * what to do, and *ret_row (may be NULL) is the first such option. */
struct option;
int nic_check_port(const struct nic *nic, const struct option **ret_row, struct error *err);

/* Fills what a NIC must have and nobody stated, without its bit: MAC (52:54:00 and three bytes of `random`), target (VM-NIC, cut to 15
 * characters with a hash of the whole). */
void nic_complete(struct nic *nic, const char *vm_name, uint32_t random);
void nic_make_mac(struct nic *nic, uint32_t random); /* the MAC alone */
bool nic_mac_is_unset(const struct nic *nic);
