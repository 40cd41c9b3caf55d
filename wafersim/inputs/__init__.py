"""What a user writes: experiments and hardware profiles, validated."""
