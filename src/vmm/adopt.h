/* A new daemon finds the VMs of the one before it. */
#pragma once

struct vmm;

/* Connects to all that live; removes what dead ones left. */
void adopt_all(struct vmm *vmm);
